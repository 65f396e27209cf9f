WITH `t16` AS (
  SELECT
    `t14`.`item`,
    `t14`.`word`,
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
  ) AS `t14`
  GROUP BY
    1,
    2
), `t22` AS (
  SELECT
    `t17`.`item`,
    SUM(`t17`.`times`) AS `length`
  FROM `t16` AS `t17`
  GROUP BY
    1
), `t25` AS (
  SELECT DISTINCT
    `t20`.`query`,
    `t20`.`item`
  FROM (
    SELECT
      `t18`.*
      EXCEPT (`item_id`)
    FROM (
      SELECT
        `t15`.`item_id`,
        `t15`.`shown`,
        `t15`.`clicked`,
        `t15`.`relevance`,
        `t15`.`query`,
        `t15`.`session_id`,
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
          REPLACE(
            REPLACE(
              LOWER(
                IF(
                  COALESCE(`t1`.`query`, '') BETWEEN '!' AND '~'
                  AND SUBSTRING(COALESCE(`t1`.`query`, ''), -LEAST(LENGTH(COALESCE(`t1`.`query`, '')), 1)) BETWEEN '!' AND '~',
                  COALESCE(`t1`.`query`, ''),
                  REGEXP_REPLACE(COALESCE(`t1`.`query`, ''), '^[\t-\r    -     　﻿]+|[\t-\r    -     　﻿]+$', '')
                )
              ),
              'i̇',
              'i'
            ),
            'ς',
            'σ'
          ) AS `query`,
          COALESCE(`t1`.`session_id`, '') AS `session_id`
        FROM `events` AS `t1`
        WHERE
          NOT (
            FALSE
          )
      ) AS `t15`
      INNER JOIN (
        SELECT
          `t0`.`item_id`,
          `t0`.`item`,
          `t0`.`category`
        FROM `listings` AS `t0`
        WHERE
          `t0`.`train`
      ) AS `t8`
        ON `t15`.`item_id` = `t8`.`item_id`
    ) AS `t18`
  ) AS `t20`
  WHERE
    `t20`.`clicked` = 1
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
              `t32`.`query`,
              SPLIT(
                REGEXP_REPLACE(LOWER(`t32`.`query`), '[\t\n\r -/:-@Z-`{-~«»–—‘’“”…·•、。，]+', ' '),
                ' '
              ) AS `words`
            FROM (
              SELECT DISTINCT
                `t29`.`query`
              FROM `t25` AS `t29`
            ) AS `t32`
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
      `t21`.`word`,
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
            ) AS FLOAT64) - `t21`.`df`
          ) + 0.5,
          `t21`.`df` + 0.5
        ) + 1
      ) AS `idf`
    FROM (
      SELECT
        `t17`.`word`,
        COUNT(*) AS `df`
      FROM `t16` AS `t17`
      GROUP BY
        1
    ) AS `t21`
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
            `t26`.`shown`,
            `t26`.`clicked`,
            `t26`.`query`,
            `t26`.`session_id`,
            `t26`.`item`,
            `t26`.`category`,
            `t53`.`relevance`
          FROM (
            SELECT
              `t20`.`shown`,
              `t20`.`clicked`,
              `t20`.`query`,
              `t20`.`session_id`,
              `t20`.`item`,
              `t20`.`category`
            FROM (
              SELECT
                `t18`.*
                EXCEPT (`item_id`)
              FROM (
                SELECT
                  `t15`.`item_id`,
                  `t15`.`shown`,
                  `t15`.`clicked`,
                  `t15`.`relevance`,
                  `t15`.`query`,
                  `t15`.`session_id`,
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
                    REPLACE(
                      REPLACE(
                        LOWER(
                          IF(
                            COALESCE(`t1`.`query`, '') BETWEEN '!' AND '~'
                            AND SUBSTRING(COALESCE(`t1`.`query`, ''), -LEAST(LENGTH(COALESCE(`t1`.`query`, '')), 1)) BETWEEN '!' AND '~',
                            COALESCE(`t1`.`query`, ''),
                            REGEXP_REPLACE(COALESCE(`t1`.`query`, ''), '^[\t-\r    -     　﻿]+|[\t-\r    -     　﻿]+$', '')
                          )
                        ),
                        'i̇',
                        'i'
                      ),
                      'ς',
                      'σ'
                    ) AS `query`,
                    COALESCE(`t1`.`session_id`, '') AS `session_id`
                  FROM `events` AS `t1`
                  WHERE
                    NOT (
                      FALSE
                    )
                ) AS `t15`
                INNER JOIN (
                  SELECT
                    `t0`.`item_id`,
                    `t0`.`item`,
                    `t0`.`category`
                  FROM `listings` AS `t0`
                  WHERE
                    `t0`.`train`
                ) AS `t8`
                  ON `t15`.`item_id` = `t8`.`item_id`
              ) AS `t18`
            ) AS `t20`
          ) AS `t26`
          LEFT OUTER JOIN (
            SELECT
              `t51`.`query`,
              `t51`.`item`,
              CAST(ROUND(LEAST(ieee_divide(COALESCE(`t51`.`score`, 0.0), `t51`.`best`), 1.0) * 1000000, 0) AS INT64) AS `relevance`
            FROM (
              SELECT
                `t30`.`query`,
                `t30`.`item`,
                `t47`.`best`,
                `t50`.`query` AS `query_right`,
                `t50`.`item` AS `item_right`,
                `t50`.`score`
              FROM `t25` AS `t30`
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
                              AVG(`t24`.`length`) AS `Mean_length`
                            FROM `t22` AS `t24`
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
                ON `t30`.`query` = `t47`.`query`
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
                                AVG(`t24`.`length`) AS `Mean_length`
                              FROM `t22` AS `t24`
                            )
                          ) + 0.25
                        ) * 1.2
                      )
                    ) AS `part`
                  FROM (
                    SELECT
                      `t30`.`query`,
                      `t30`.`item`,
                      `t43`.`word`,
                      `t43`.`idf`,
                      `t19`.`times`,
                      `t28`.`length`
                    FROM `t25` AS `t30`
                    INNER JOIN `t41` AS `t43`
                      ON `t30`.`query` = `t43`.`query`
                    INNER JOIN `t16` AS `t19`
                      ON `t30`.`item` = `t19`.`item` AND `t43`.`word` = `t19`.`word`
                    INNER JOIN `t22` AS `t28`
                      ON `t30`.`item` = `t28`.`item`
                  ) AS `t45`
                ) AS `t48`
                GROUP BY
                  1,
                  2
              ) AS `t50`
                ON `t30`.`query` = `t50`.`query` AND `t30`.`item` = `t50`.`item`
              WHERE
                EXISTS(
                  SELECT
                    1
                  FROM `t22` AS `t27`
                  WHERE
                    `t30`.`item` = `t27`.`item`
                )
            ) AS `t51`
          ) AS `t53`
            ON `t26`.`query` = `t53`.`query` AND `t26`.`item` = `t53`.`item`
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
