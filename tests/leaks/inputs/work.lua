-- Tables, strings, closures, coroutines, a little of everything that lua allocates for.
local rows = {}
for i = 1, 3000 do
  rows[i] = { id = i, text = tostring(i) .. ("x"):rep(i % 50) }
end
table.sort(rows, function(a, b) return a.text < b.text end)
local count = coroutine.wrap(function()
  for i = 1, 5 do coroutine.yield(i) end
end)
print(#rows, rows[1].text, count(), count())
