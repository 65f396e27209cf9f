WITH `t17` AS (
  SELECT
    `t15`.`item`,
    `t15`.`word`,
    CAST(COUNT(*) AS FLOAT64) AS `times`
  FROM (
    SELECT
      `t12`.`item`,
      `t12`.`words` AS `word`
    FROM (
      SELECT
        `t10`.*
        REPLACE (`unnested_1` AS `words`)
      FROM (
        SELECT
          `t2`.`item`,
          SPLIT(
            REGEXP_REPLACE(LOWER(`t2`.`title`), '[\t\n\r -/:-@Z-`{-~«»–—‘’“”…·•、。，]+', ' '),
            ' '
          ) AS `words`
        FROM `titles` AS `t2`
      ) AS `t10`
      CROSS JOIN UNNEST(`t10`.`words`) AS `unnested_1`
    ) AS `t12`
    WHERE
      `t12`.`words` <> ''
  ) AS `t15`
  GROUP BY
    1,
    2
), `t23` AS (
  SELECT DISTINCT
    `t18`.`query`,
    `t18`.`item`
  FROM (
    SELECT
      `t16`.*
      EXCEPT (`item_id`)
    FROM (
      SELECT
        `t14`.`item_id`,
        `t14`.`shown`,
        `t14`.`clicked`,
        `t14`.`relevance`,
        `t14`.`query`,
        `t14`.`session_id`,
        `t8`.`item`,
        `t8`.`category`
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
          ) AS `query`,
          COALESCE(`t1`.`session_id`, '') AS `session_id`
        FROM `events` AS `t1`
        WHERE
          NOT (
            FALSE
          )
      ) AS `t14`
      INNER JOIN (
        SELECT
          `t0`.`item_id`,
          `t0`.`item`,
          `t0`.`category`
        FROM `listings` AS `t0`
        WHERE
          `t0`.`train`
      ) AS `t8`
        ON `t14`.`item_id` = `t8`.`item_id`
    ) AS `t16`
  ) AS `t18`
  WHERE
    `t18`.`clicked` = 1
), `t25` AS (
  SELECT
    `t19`.`item`,
    SUM(`t19`.`times`) AS `length`
  FROM `t17` AS `t19`
  GROUP BY
    1
), `t41` AS (
  SELECT
    `t40`.`query`,
    `t40`.`word`,
    `t34`.`idf`
  FROM (
    SELECT
      `t38`.`query`,
      `t38`.`word`
    FROM (
      SELECT
        `t37`.`query`,
        `t37`.`word`,
        CAST(COUNT(*) AS FLOAT64) AS `times`
      FROM (
        SELECT
          `t36`.`query`,
          `t36`.`words` AS `word`
        FROM (
          SELECT
            `t35`.*
            REPLACE (`unnested_2` AS `words`)
          FROM (
            SELECT
              `t31`.`query`,
              SPLIT(
                REGEXP_REPLACE(LOWER(`t31`.`query`), '[\t\n\r -/:-@Z-`{-~«»–—‘’“”…·•、。，]+', ' '),
                ' '
              ) AS `words`
            FROM (
              SELECT DISTINCT
                `t26`.`query`
              FROM `t23` AS `t26`
            ) AS `t31`
          ) AS `t35`
          CROSS JOIN UNNEST(`t35`.`words`) AS `unnested_2`
        ) AS `t36`
        WHERE
          `t36`.`words` <> ''
      ) AS `t37`
      GROUP BY
        1,
        2
    ) AS `t38`
  ) AS `t40`
  INNER JOIN (
    SELECT
      `t22`.`word`,
      LN(
        ieee_divide(
          (
            CAST((
              SELECT
                COUNT(*) AS `CountStar`
              FROM (
                SELECT
                  *
                FROM `titles` AS `t2`
                WHERE
                  `t2`.`title` <> ''
              ) AS `t9`
            ) AS FLOAT64) - `t22`.`df`
          ) + 0.5,
          `t22`.`df` + 0.5
        ) + 1
      ) AS `idf`
    FROM (
      SELECT
        `t19`.`word`,
        COUNT(*) AS `df`
      FROM `t17` AS `t19`
      GROUP BY
        1
    ) AS `t22`
  ) AS `t34`
    ON `t40`.`word` = `t34`.`word`
), `t58` AS (
  SELECT
    `t57`.`key`,
    `t57`.`item`,
    `t57`.`category`,
    `t57`.`shown`,
    `t57`.`clicks`,
    `t57`.`relevance`,
    ROW_NUMBER() OVER (
      PARTITION BY `t57`.`key`
      ORDER BY `t57`.`clicks` DESC, `t57`.`relevance` DESC, `t57`.`item` ASC
    ) - 1 AS `rank`,
    COUNT(*) OVER (PARTITION BY `t57`.`key` ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS `listings`
  FROM (
    SELECT
      *
    FROM (
      SELECT
        `t55`.`session_id` AS `key`,
        `t55`.`item`,
        `t55`.`category`,
        SUM(`t55`.`shown`) AS `shown`,
        SUM(`t55`.`clicked`) AS `clicks`,
        CAST(ROUND(AVG(`t55`.`relevance`), 0) AS INT64) AS `relevance`
      FROM (
        SELECT
          *
        FROM (
          SELECT
            `t24`.`shown`,
            `t24`.`clicked`,
            `t24`.`query`,
            `t24`.`session_id`,
            `t24`.`item`,
            `t24`.`category`,
            `t53`.`relevance`
          FROM (
            SELECT
              `t18`.`shown`,
              `t18`.`clicked`,
              `t18`.`query`,
              `t18`.`session_id`,
              `t18`.`item`,
              `t18`.`category`
            FROM (
              SELECT
                `t16`.*
                EXCEPT (`item_id`)
              FROM (
                SELECT
                  `t14`.`item_id`,
                  `t14`.`shown`,
                  `t14`.`clicked`,
                  `t14`.`relevance`,
                  `t14`.`query`,
                  `t14`.`session_id`,
                  `t8`.`item`,
                  `t8`.`category`
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
                    ) AS `query`,
                    COALESCE(`t1`.`session_id`, '') AS `session_id`
                  FROM `events` AS `t1`
                  WHERE
                    NOT (
                      FALSE
                    )
                ) AS `t14`
                INNER JOIN (
                  SELECT
                    `t0`.`item_id`,
                    `t0`.`item`,
                    `t0`.`category`
                  FROM `listings` AS `t0`
                  WHERE
                    `t0`.`train`
                ) AS `t8`
                  ON `t14`.`item_id` = `t8`.`item_id`
              ) AS `t16`
            ) AS `t18`
          ) AS `t24`
          LEFT OUTER JOIN (
            SELECT
              `t51`.`query`,
              `t51`.`item`,
              CAST(ROUND(LEAST(ieee_divide(COALESCE(`t51`.`score`, 0.0), `t51`.`best`), 1.0) * 1000000, 0) AS INT64) AS `relevance`
            FROM (
              SELECT
                `t28`.`query`,
                `t28`.`item`,
                `t47`.`best`,
                `t50`.`query` AS `query_right`,
                `t50`.`item` AS `item_right`,
                `t50`.`score`
              FROM `t23` AS `t28`
              INNER JOIN (
                SELECT
                  `t44`.`query`,
                  `t44`.`total` * ieee_divide(
                    2.2,
                    (
                      (
                        ieee_divide(
                          `t44`.`asked` * 0.75,
                          (
                            SELECT
                              AVG(`t27`.`length`) AS `Mean_length`
                            FROM `t25` AS `t27`
                          )
                        ) + 0.25
                      ) * 1.2
                    ) + 1.0
                  ) AS `best`
                FROM (
                  SELECT
                    `t42`.`query`,
                    SUM(`t42`.`idf`) AS `total`,
                    COUNT(*) AS `asked`
                  FROM `t41` AS `t42`
                  GROUP BY
                    1
                ) AS `t44`
              ) AS `t47`
                ON `t28`.`query` = `t47`.`query`
              LEFT OUTER JOIN (
                SELECT
                  `t48`.`query`,
                  `t48`.`item`,
                  SUM(`t48`.`part`) AS `score`
                FROM (
                  SELECT
                    `t45`.`query`,
                    `t45`.`item`,
                    `t45`.`word`,
                    `t45`.`idf`,
                    `t45`.`times`,
                    `t45`.`length`,
                    `t45`.`idf` * ieee_divide(
                      `t45`.`times` * 2.2,
                      `t45`.`times` + (
                        (
                          ieee_divide(
                            `t45`.`length` * 0.75,
                            (
                              SELECT
                                AVG(`t27`.`length`) AS `Mean_length`
                              FROM `t25` AS `t27`
                            )
                          ) + 0.25
                        ) * 1.2
                      )
                    ) AS `part`
                  FROM (
                    SELECT
                      `t28`.`query`,
                      `t28`.`item`,
                      `t43`.`word`,
                      `t43`.`idf`,
                      `t20`.`times`,
                      `t30`.`length`
                    FROM `t23` AS `t28`
                    INNER JOIN `t41` AS `t43`
                      ON `t28`.`query` = `t43`.`query`
                    INNER JOIN `t17` AS `t20`
                      ON `t28`.`item` = `t20`.`item` AND `t43`.`word` = `t20`.`word`
                    INNER JOIN `t25` AS `t30`
                      ON `t28`.`item` = `t30`.`item`
                  ) AS `t45`
                ) AS `t48`
                GROUP BY
                  1,
                  2
              ) AS `t50`
                ON `t28`.`query` = `t50`.`query` AND `t28`.`item` = `t50`.`item`
              WHERE
                EXISTS(
                  SELECT
                    1
                  FROM `t25` AS `t29`
                  WHERE
                    `t28`.`item` = `t29`.`item`
                )
            ) AS `t51`
          ) AS `t53`
            ON `t24`.`query` = `t53`.`query` AND `t24`.`item` = `t53`.`item`
        ) AS `t54`
        WHERE
          `t54`.`session_id` <> ''
      ) AS `t55`
      GROUP BY
        1,
        2,
        3
    ) AS `t56`
    WHERE
      `t56`.`clicks` >= 1 AND `t56`.`relevance` >= 800000
  ) AS `t57`
), `t66` AS (
  SELECT
    `t65`.`left`,
    `t65`.`right`,
    SUM(`t65`.`weight`) AS `weight`,
    COUNT(*) AS `support`,
    CAST(ROUND(AVG(LEAST(`t65`.`relevance`, `t65`.`right_relevance`)), 0) AS INT64) AS `relevance`
  FROM (
    SELECT
      *
    FROM (
      SELECT
        `t63`.`key`,
        `t63`.`category`,
        `t63`.`weight`,
        `t63`.`left`,
        `t63`.`relevance`,
        `t63`.`clicks`,
        `t61`.`right`,
        `t61`.`right_relevance`,
        `t61`.`right_clicks`
      FROM (
        SELECT
          `t59`.`key`,
          `t59`.`category`,
          CAST(ROUND(
            ieee_divide(1000000000000, LOG(CAST(LEAST(`t59`.`listings`, 200) + 1 AS FLOAT64), 2)),
            0
          ) AS INT64) AS `weight`,
          `t59`.`item` AS `left`,
          `t59`.`relevance`,
          `t59`.`clicks`
        FROM `t58` AS `t59`
        WHERE
          `t59`.`rank` < 200
      ) AS `t63`
      INNER JOIN (
        SELECT
          `t59`.`key`,
          `t59`.`category`,
          `t59`.`item` AS `right`,
          `t59`.`relevance` AS `right_relevance`,
          `t59`.`clicks` AS `right_clicks`
        FROM `t58` AS `t59`
        WHERE
          `t59`.`rank` < 200
      ) AS `t61`
        ON `t63`.`key` = `t61`.`key` AND `t63`.`category` = `t61`.`category`
    ) AS `t64`
    WHERE
      `t64`.`left` < `t64`.`right`
  ) AS `t65`
  GROUP BY
    1,
    2
)
SELECT
  *
FROM (
  SELECT
    `t7`.`left_id`,
    `t6`.`right_id`,
    `t80`.`weight`,
    `t80`.`support`,
    `t80`.`relevance`,
    `t7`.`category`
  FROM (
    SELECT
      `t78`.`left`,
      `t78`.`right`,
      ieee_divide(`t78`.`weight`, 1000000000000) AS `weight`,
      `t78`.`support`,
      ieee_divide(`t78`.`relevance`, 1000000) AS `relevance`
    FROM (
      SELECT
        `t71`.`left`,
        `t71`.`right`,
        `t71`.`weight`,
        `t71`.`support`,
        `t71`.`relevance`
      FROM (
        SELECT
          *
        FROM `t66` AS `t67`
        WHERE
          `t67`.`support` >= 2
      ) AS `t71`
      WHERE
        EXISTS(
          SELECT
            1
          FROM (
            SELECT
              *
            FROM (
              SELECT
                `t74`.`left`,
                `t74`.`right`,
                COUNT(*) AS `ends`
              FROM (
                SELECT
                  *
                FROM (
                  SELECT
                    `t72`.`left`,
                    `t72`.`right`,
                    `t72`.`weight`,
                    `t72`.`item`,
                    ROW_NUMBER() OVER (
                      PARTITION BY `t72`.`item`
                      ORDER BY `t72`.`weight` DESC, `t72`.`left` ASC, `t72`.`right` ASC
                    ) - 1 AS `rank`
                  FROM (
                    SELECT
                      *
                    FROM (
                      SELECT
                        `t67`.`left`,
                        `t67`.`right`,
                        `t67`.`weight`,
                        `t67`.`left` AS `item`
                      FROM `t66` AS `t67`
                      WHERE
                        `t67`.`support` >= 2
                    ) AS `t69`
                    UNION ALL
                    SELECT
                      *
                    FROM (
                      SELECT
                        `t67`.`left`,
                        `t67`.`right`,
                        `t67`.`weight`,
                        `t67`.`right` AS `item`
                      FROM `t66` AS `t67`
                      WHERE
                        `t67`.`support` >= 2
                    ) AS `t70`
                  ) AS `t72`
                ) AS `t73`
                WHERE
                  `t73`.`rank` < 100
              ) AS `t74`
              GROUP BY
                1,
                2
            ) AS `t75`
            WHERE
              `t75`.`ends` = 2
          ) AS `t77`
          WHERE
            `t71`.`left` = `t77`.`left` AND `t71`.`right` = `t77`.`right`
        )
    ) AS `t78`
  ) AS `t80`
  INNER JOIN (
    SELECT
      `t0`.`item` AS `left`,
      `t0`.`item_id` AS `left_id`,
      `t0`.`category_name` AS `category`
    FROM `listings` AS `t0`
  ) AS `t7`
    ON `t80`.`left` = `t7`.`left`
  INNER JOIN (
    SELECT
      `t0`.`item` AS `right`,
      `t0`.`item_id` AS `right_id`
    FROM `listings` AS `t0`
  ) AS `t6`
    ON `t80`.`right` = `t6`.`right`
) AS `t81`
ORDER BY
  `t81`.`weight` DESC,
  `t81`.`left_id` ASC NULLS LAST,
  `t81`.`right_id` ASC NULLS LAST
