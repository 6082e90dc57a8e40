# Reads `objdump -d` of a program that has the library within, and follows what the functions named in `from` call. Nothing of it
# may be called through a pointer or by its place in another table (`@plt`), reach beyond the code that is followed, or use
# thread-local storage (%fs); so what is followed is all there is. Prints the most bytes of stack that one of them takes.
function hex(text,    i, number) {
    for (i = 3; i <= length(text); i++) number = 16 * number + index("0123456789abcdef", substr(text, i, 1)) - 1
    return number
}
/^[0-9a-f]+ <.*>:$/ { name = substr($2, 2, length($2) - 3); known[name] = 1; next }
name != "" && /^ / {
    line = $0
    if (line ~ /\tpush /) frame[name] += 8
    if (match(line, /\tsub +rsp,0x[0-9a-f]+/)) { split(substr(line, RSTART, RLENGTH), part, ","); frame[name] += hex(part[2]) }
    else if (line ~ /\t(sub|lea|and|mov|xchg) +rsp,/) odd[name] = line
    if (line ~ /fs:/) odd[name] = line
    if (line ~ /\t(call|j[a-z]+) /) {
        if (match(line, /<[^>]+>/) == 0) { odd[name] = line; next }
        to = substr(line, RSTART + 1, RLENGTH - 2)
        sub(/\+0x.*/, "", to)
        if (to != name) calls[name] = calls[name] " " to
    }
}
function depth(name, seen,    list, count, i, most, below) {
    if (index(seen, " " name " ")) { print name " calls itself"; bad = 1; return 0 }
    if (!(name in known) || name ~ /@plt/) { print name " is not of the library"; bad = 1; return 0 }
    if (name in odd) { print name ": " odd[name]; bad = 1; return 0 }
    count = split(calls[name], list, " ")
    most = 0
    for (i = 1; i <= count; i++) { below = depth(list[i], seen " " name " "); if (below > most) most = below }
    return 8 + frame[name] + most
}
END {
    count = split(from, entries, " ")
    for (e = 1; e <= count; e++) { bytes = depth(entries[e], " "); if (bytes > all) all = bytes }
    if (bad) exit 1
    print all
}
