# shellcheck shell=bash
# Completion of netmond for bash: /usr/share/bash-completion/completions/netmond

_netmond_links() {
	local link
	for link in /sys/class/net/*; do
		[ -L "$link" ] && echo "${link##*/}"
	done
}

_netmond() {
	local cur prev command='' word flags
	cur=${COMP_WORDS[COMP_CWORD]}
	prev=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()

	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		-*) ;;
		*)
			command=$word
			break
			;;
		esac
	done

	# A flag may have one dash or two.
	case ${prev/#--/-} in
	-socket | -config | -metrics)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-hooks)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	-dev | -oif) word=$(_netmond_links) ;;
	-close) word='all none no-route source-gone link-down gateway-gone rerouted' ;;
	-conntrack) word='auto off' ;;
	-log-level) word='debug info warn error' ;;
	-log-format) word='text json' ;;
	-led) word=$(command ls /sys/class/leds 2>/dev/null) ;;
	-table) word='main local default all' ;;
	-class) word='all network system metrics interaction' ;;
	-exclude) word='tcp: uid: dev:' ;;
	-settle | -carrier-grace | -probe-timeout | -probe-interval) word='0 150ms 1s 3s 5m' ;;
	-close-rate | -probe | -capport | -from | -mark | -uid) return ;;
	*) word= ;;
	esac
	if [ -n "$word" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur")
		return
	fi

	case $command in
	'')
		mapfile -t COMPREPLY < <(compgen -W \
			'run status events routes lookup flows why check send metrics version -version -h' -- "$cur")
		return
		;;
	run) flags='-config -socket -close -gentle -close-rate -dry-run -settle -carrier-grace -exclude -conntrack -probe -capport -probe-timeout -probe-interval -hooks -led -metrics -log-level -log-format' ;;
	events) flags='-class -json -socket' ;;
	routes) flags='-json -socket -table' ;;
	lookup) flags='-from -json -mark -oif -socket -uid' ;;
	check) flags='-capport -dev -json -probe -probe-timeout -socket' ;;
	send)
		flags='-socket'
		[ "$prev" = send ] && flags="$flags network system metrics interaction"
		;;
	metrics) flags='-socket' ;;
	status | flows | why | version) flags='-json -socket' ;;
	*) return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$flags -h" -- "${cur/#--/-}")
}

complete -F _netmond netmond
