-- Rows, an index, joins, groups and text functions in memory: what a database asks of malloc.
PRAGMA temp_store = memory;
CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT, city TEXT, born INTEGER);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
  INSERT INTO person SELECT i, printf('name-%d-%s', i, hex(i * 7919)), printf('city-%d', i % 997), 1900 + i % 120 FROM n;
CREATE INDEX by_city ON person(city, born);
CREATE TABLE visit AS SELECT id, city, born, replace(upper(name), '-', '_') AS label FROM person WHERE id % 3 = 0;
SELECT count(*), sum(length(label)) FROM visit;
SELECT city, count(*), group_concat(substr(name, 1, 12)) FROM person GROUP BY city ORDER BY 2 DESC, 1 LIMIT 5;
SELECT count(*) FROM person p JOIN visit v ON p.city = v.city AND p.born = v.born;
UPDATE person SET name = name || '-' || born WHERE id % 2 = 0;
DELETE FROM person WHERE id % 5 = 0;
SELECT count(*), max(length(name)) FROM person;
