-- The figures of the week of the report, beside those of the week before.
SELECT name AS "지표", previous AS "지난주", value AS "이번 주", target AS "목표"
  FROM weekly_kpi
 WHERE week = '{{ macros.workplace.report_date() }}'
 ORDER BY position
