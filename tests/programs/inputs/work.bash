# Arrays, strings, functions, subshells and pipes.
declare -a list
declare -A map
for ((i = 0; i < 8000; i++)); do
    list[i]="item number $i"
    map[key$((i % 500))]+="$i,"
done
total=0
for key in "${!map[@]}"; do total=$((total + ${#map[$key]})); done
echo "${#list[@]} ${#map[@]} $total"
printf '%s\n' "${list[@]/number/n}" | tail -n 2
fibonacci() { if (($1 < 2)); then echo "$1"; else echo $(($(fibonacci $(($1 - 1))) + $(fibonacci $(($1 - 2))))); fi; }
fibonacci 8
text=
for word in {a..z}{a..z}; do text+="$word-"; done
[[ $text =~ (m[a-f]-)+ ]] && echo "${BASH_REMATCH[0]}"
echo "${text//[aeiou]/_}" | md5sum
mapfile -t lines < <(seq 1 5000)
echo "${#lines[@]} ${lines[@]: -3}"
trap 'echo leaving' EXIT
cat <<<"$(printf '%05d ' {1..2000})" | wc -c
