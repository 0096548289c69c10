%s/\vline (\d+)/\=submatch(1) * 3 . ' line'/
g/7 line/m0
v/[02468] line/s/$/ odd/
let total = 0
let words = {}
for number in range(1, line('$'))
    let total += len(getline(number))
    let words[split(getline(number))[0][0:1]] = number
endfor
call append(0, [string(total), string(len(words))])
sort n
w
undo
redo
q!
