-- The revenue of each channel in a month; :first and :last are its days, bound parameters.
SELECT channel AS "채널", ROUND(SUM(revenue), 2) AS "매출"
  FROM channel_revenue
 WHERE week BETWEEN :first AND :last
 GROUP BY channel
 ORDER BY 2 DESC
