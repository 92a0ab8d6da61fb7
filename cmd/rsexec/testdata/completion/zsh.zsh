# zsh.zsh SCRIPT LINE... prints what the completion of SCRIPT offers at the end of each
# LINE, one a line, with an empty line behind each. Completion works only in a zsh that
# edits a line, so that there is one at a terminal of its own.
zmodload zsh/zpty
zpty inner zsh -f -i
# wait reads what the inner zsh prints until it has printed $1.
wait() { local text; zpty -r -m inner text "*$1*" || exit }

zpty -w inner 'PS1= ; unsetopt prompt_sp auto_list auto_menu; autoload -Uz compinit && compinit -u -D'
zpty -w inner "source ${(q)1}"
zpty -w inner '
# Adding candidates, this prints them as well.
compadd() {
	local -a hits
	if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
		builtin compadd -A hits "$@"
		(( $#hits )) && print -rl -- ">>"$^hits
	fi
	builtin compadd "$@"
}
offer() { zle complete-word; BUFFER=; print; print -r -- ">>."; zle reset-prompt }
zle -N offer
bindkey "^I" offer
print -r -- rea""dy'
wait ready
shift
for line; do
	zpty -w -n inner "$line"$'\t'
	zpty -r -m inner text '*>>.*' || exit
	offered=(${(@)${(@M)${(f)text//$'\r'/}:#*>>*}##*>>}) # the last is the dot
	(( $#offered > 1 )) && print -rl -- $offered[1,-2]
	print
done
zpty -d inner
