create table t (id integer primary key, kind integer, name text);
with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000)
insert into t select i, i % 7, 'name ' || (i * 7919 % 1000) from n;
create index by_name on t (name);
select kind, count(*), max(name) from t group by kind order by 2;
select * from t where name like 'name 9%' order by name limit 5;
delete from t where kind = 3;
