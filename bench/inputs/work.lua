-- Tables, strings and closures by the million: what a Lua program asks of malloc.
local n = tonumber(arg[1])
local function tree(depth)
  if depth == 0 then return {} end
  return {tree(depth - 1), tree(depth - 1)}
end
local function count(t) return t[1] and 1 + count(t[1]) + count(t[2]) or 1 end
local total = 0
for _ = 1, n // 10 do total = total + count(tree(12)) end

local words, index = {}, {}
for i = 1, n * 1000 do
  local word = ("w%x"):format(i * 7919 % 100003)
  words[#words + 1] = word .. "-" .. i
  index[word] = (index[word] or 0) + 1
end
table.sort(words)
local joined = table.concat(words, ",")
for piece in joined:gmatch("[^,]+") do total = total + #piece end

local callbacks = {}
for i = 1, n * 1000 do
  callbacks[i % 1000 + 1] = function(x) return x + i end
end
for _, callback in ipairs(callbacks) do total = total + callback(1) end
print(total)
