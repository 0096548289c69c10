set confirm off
set pagination off
set width 0
break drop if tree != 0 && tree->value == 4242 - 4242 % 10
break walk if depth == 6
run
backtrace 3
print *tree
print depth
info locals
finish
delete
break drop
continue
ptype tree
info line main
disassemble /s insert,+20
kill
