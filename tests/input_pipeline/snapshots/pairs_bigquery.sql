WITH `t15` AS (
  SELECT
    `t14`.`key`,
    `t14`.`item`,
    `t14`.`category`,
    `t14`.`shown`,
    `t14`.`clicks`,
    `t14`.`relevance`,
    ROW_NUMBER() OVER (
      PARTITION BY `t14`.`key`
      ORDER BY `t14`.`clicks` DESC, `t14`.`relevance` DESC, `t14`.`item` ASC
    ) - 1 AS `rank`,
    COUNT(*) OVER (PARTITION BY `t14`.`key` ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS `listings`
  FROM (
    SELECT
      *
    FROM (
      SELECT
        `t12`.`query` AS `key`,
        `t12`.`item`,
        `t12`.`category`,
        SUM(`t12`.`shown`) AS `shown`,
        SUM(`t12`.`clicked`) AS `clicks`,
        CAST(ROUND(AVG(`t12`.`relevance`), 0) AS INT64) AS `relevance`
      FROM (
        SELECT
          `t11`.`shown`,
          `t11`.`clicked`,
          CAST(ROUND(`t11`.`relevance` * 1000000, 0) AS INT64) AS `relevance`,
          `t11`.`query`,
          `t11`.`item`,
          `t11`.`category`
        FROM (
          SELECT
            `t10`.*
            EXCEPT (`item_id`)
          FROM (
            SELECT
              `t9`.`item_id`,
              `t9`.`shown`,
              `t9`.`clicked`,
              `t9`.`relevance`,
              `t9`.`query`,
              `t7`.`item`,
              `t7`.`category`
            FROM (
              SELECT
                COALESCE(`t1`.`item_id`, '') AS `item_id`,
                1 AS `shown`,
                CAST(COALESCE(`t1`.`clicked` > 0, FALSE) AS INT64) AS `clicked`,
                IF(
                  IF(IS_NAN(`t1`.`relevance`), CAST(NULL AS FLOAT64), `t1`.`relevance`) BETWEEN 0 AND 1,
                  IF(IS_NAN(`t1`.`relevance`), CAST(NULL AS FLOAT64), `t1`.`relevance`),
                  CAST(NULL AS FLOAT64)
                ) AS `relevance`,
                IF(
                  REGEXP_CONTAINS(COALESCE(`t1`.`query`, ''), '[^ -~]|^ | $'),
                  REPLACE(
                    REPLACE(
                      LOWER(
                        REGEXP_REPLACE(COALESCE(`t1`.`query`, ''), '^[\t-\r    -     　﻿]+|[\t-\r    -     　﻿]+$', '')
                      ),
                      'i̇',
                      'i'
                    ),
                    'ς',
                    'σ'
                  ),
                  LOWER(COALESCE(`t1`.`query`, ''))
                ) AS `query`
              FROM `events` AS `t1`
              WHERE
                NOT (
                  FALSE
                )
            ) AS `t9`
            INNER JOIN (
              SELECT
                `t0`.`item_id`,
                `t0`.`item`,
                `t0`.`category`
              FROM `listings` AS `t0`
              WHERE
                `t0`.`train`
            ) AS `t7`
              ON `t9`.`item_id` = `t7`.`item_id`
          ) AS `t10`
        ) AS `t11`
        WHERE
          `t11`.`query` <> ''
      ) AS `t12`
      GROUP BY
        1,
        2,
        3
    ) AS `t13`
    WHERE
      `t13`.`clicks` >= 1 AND `t13`.`relevance` >= 800000
  ) AS `t14`
), `t23` AS (
  SELECT
    `t22`.`left`,
    `t22`.`right`,
    SUM(`t22`.`weight`) AS `weight`,
    COUNT(*) AS `support`,
    CAST(ROUND(AVG(LEAST(`t22`.`relevance`, `t22`.`right_relevance`)), 0) AS INT64) AS `relevance`
  FROM (
    SELECT
      *
    FROM (
      SELECT
        `t20`.`key`,
        `t20`.`category`,
        `t20`.`weight`,
        `t20`.`left`,
        `t20`.`relevance`,
        `t20`.`clicks`,
        `t18`.`right`,
        `t18`.`right_relevance`,
        `t18`.`right_clicks`
      FROM (
        SELECT
          `t16`.`key`,
          `t16`.`category`,
          CAST(ROUND(
            ieee_divide(1000000000000, LOG(CAST(LEAST(`t16`.`listings`, 200) + 1 AS FLOAT64), 2)),
            0
          ) AS INT64) AS `weight`,
          `t16`.`item` AS `left`,
          `t16`.`relevance`,
          `t16`.`clicks`
        FROM `t15` AS `t16`
        WHERE
          `t16`.`rank` < 200
      ) AS `t20`
      INNER JOIN (
        SELECT
          `t16`.`key`,
          `t16`.`category`,
          `t16`.`item` AS `right`,
          `t16`.`relevance` AS `right_relevance`,
          `t16`.`clicks` AS `right_clicks`
        FROM `t15` AS `t16`
        WHERE
          `t16`.`rank` < 200
      ) AS `t18`
        ON `t20`.`key` = `t18`.`key` AND `t20`.`category` = `t18`.`category`
    ) AS `t21`
    WHERE
      `t21`.`left` < `t21`.`right`
  ) AS `t22`
  GROUP BY
    1,
    2
)
SELECT
  *
FROM (
  SELECT
    `t6`.`left_id`,
    `t5`.`right_id`,
    `t37`.`weight`,
    `t37`.`support`,
    `t37`.`relevance`,
    `t6`.`category`
  FROM (
    SELECT
      `t35`.`left`,
      `t35`.`right`,
      ieee_divide(`t35`.`weight`, 1000000000000) AS `weight`,
      `t35`.`support`,
      ieee_divide(`t35`.`relevance`, 1000000) AS `relevance`
    FROM (
      SELECT
        `t28`.`left`,
        `t28`.`right`,
        `t28`.`weight`,
        `t28`.`support`,
        `t28`.`relevance`
      FROM (
        SELECT
          *
        FROM `t23` AS `t24`
        WHERE
          `t24`.`support` >= 2
      ) AS `t28`
      WHERE
        EXISTS(
          SELECT
            1
          FROM (
            SELECT
              *
            FROM (
              SELECT
                `t31`.`left`,
                `t31`.`right`,
                COUNT(*) AS `ends`
              FROM (
                SELECT
                  *
                FROM (
                  SELECT
                    `t29`.`left`,
                    `t29`.`right`,
                    `t29`.`weight`,
                    `t29`.`item`,
                    ROW_NUMBER() OVER (
                      PARTITION BY `t29`.`item`
                      ORDER BY `t29`.`weight` DESC, `t29`.`left` ASC, `t29`.`right` ASC
                    ) - 1 AS `rank`
                  FROM (
                    SELECT
                      *
                    FROM (
                      SELECT
                        `t24`.`left`,
                        `t24`.`right`,
                        `t24`.`weight`,
                        `t24`.`left` AS `item`
                      FROM `t23` AS `t24`
                      WHERE
                        `t24`.`support` >= 2
                    ) AS `t26`
                    UNION ALL
                    SELECT
                      *
                    FROM (
                      SELECT
                        `t24`.`left`,
                        `t24`.`right`,
                        `t24`.`weight`,
                        `t24`.`right` AS `item`
                      FROM `t23` AS `t24`
                      WHERE
                        `t24`.`support` >= 2
                    ) AS `t27`
                  ) AS `t29`
                ) AS `t30`
                WHERE
                  `t30`.`rank` < 100
              ) AS `t31`
              GROUP BY
                1,
                2
            ) AS `t32`
            WHERE
              `t32`.`ends` = 2
          ) AS `t34`
          WHERE
            `t28`.`left` = `t34`.`left` AND `t28`.`right` = `t34`.`right`
        )
    ) AS `t35`
  ) AS `t37`
  INNER JOIN (
    SELECT
      `t0`.`item` AS `left`,
      `t0`.`item_id` AS `left_id`,
      `t0`.`category_name` AS `category`
    FROM `listings` AS `t0`
  ) AS `t6`
    ON `t37`.`left` = `t6`.`left`
  INNER JOIN (
    SELECT
      `t0`.`item` AS `right`,
      `t0`.`item_id` AS `right_id`
    FROM `listings` AS `t0`
  ) AS `t5`
    ON `t37`.`right` = `t5`.`right`
) AS `t38`
ORDER BY
  `t38`.`weight` DESC,
  `t38`.`left_id` ASC NULLS LAST,
  `t38`.`right_id` ASC NULLS LAST
