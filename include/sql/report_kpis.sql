-- The figures of the week of a report. :day is the report day, a bound parameter.
SELECT name AS "지표", previous AS "지난주", value AS "이번 주", target AS "목표"
  FROM weekly_kpi
 WHERE week = :day
 ORDER BY position
