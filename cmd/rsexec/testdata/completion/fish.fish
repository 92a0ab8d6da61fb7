# fish.fish SCRIPT LINE... prints what the completion of SCRIPT offers at the end of each
# LINE, one a line, with an empty line behind each.
source $argv[1]
for line in $argv[2..]
    complete -C $line | string replace -r '\t.*' ''
    echo
end
