# bash.sh SCRIPT LINE... prints what the completion of SCRIPT offers at the end of each
# LINE, one a line, with an empty line behind each.
source "$1"
shift

# bash itself offers these where the script leaves it to it.
compopt() {
	case $2 in
	default) mapfile -t COMPREPLY < <(compgen -f -- "$piece") ;;
	dirnames) mapfile -t COMPREPLY < <(compgen -d -- "$piece") ;;
	esac
}

# split makes the words of COMP_LINE as bash does, which breaks them at = and : too.
split() {
	local rest=$COMP_LINE word= quote= c
	COMP_WORDS=()
	while [[ -n $rest ]]; do
		c=${rest:0:1} rest=${rest:1}
		if [[ -n $quote ]]; then
			word+=$c
			[[ $c != "$quote" ]] || quote=
			continue
		fi
		case $c in
		[\'\"]) quote=$c word+=$c ;;
		' ')
			[[ -z $word ]] || COMP_WORDS+=("$word")
			word=
			;;
		[=:])
			[[ -z $word ]] || COMP_WORDS+=("$word")
			COMP_WORDS+=("$c")
			word=
			;;
		*) word+=$c ;;
		esac
	done
	[[ -z $word && $COMP_LINE == *[=:] ]] || COMP_WORDS+=("$word")
}

for COMP_LINE; do
	COMPREPLY=() COMP_POINT=${#COMP_LINE}
	split
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	piece=${COMP_WORDS[COMP_CWORD]#[=:]}
	_rsexec rsexec "$piece" "${COMP_WORDS[COMP_CWORD-1]}"
	[[ ${#COMPREPLY[@]} -eq 0 ]] || printf '%s\n' "${COMPREPLY[@]}"
	echo
done
