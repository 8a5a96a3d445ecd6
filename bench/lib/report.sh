# What was measured, as text, JSON and pictures.  Sourced by bench/run.

column_median() {
	cut -f"$2" "row.$1" | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# Per row of a table: title, median, least and greatest, medians of both sides,
# what is to be reached, and whether it is: "yes", "no", or nothing.
summary() {
	local i table title reach

	for i in "${!rows[@]}"; do
		IFS='|' read -r table title _ reach <<<"${rows[i]}"
		[ "$table" = "$1" ] && [ -s "row.$i" ] || continue
		sort -g "row.$i" | awk -v title="$title" -v reach="$reach" \
			-v ours="$(column_median "$i" 2)" -v other="$(column_median "$i" 3)" '
			{ r[NR] = $1 }
			END {
				median = r[int((NR + 1) / 2)]
				split(reach, r_, " ")
				reached = reach == "" ? "" : (r_[1] == ">=" ? median >= r_[2] : median <= r_[2]) ? "yes" : "no"
				printf "%s\t%.4g\t%.4g\t%.4g\t%s\t%s\t%s\t%s\n", title, median, r[1], r[NR], ours, other, reach, reached
			}'
	done
}

# The points with their spread, and beside each what is to be reached.
draw() {
	command -v gnuplot >/dev/null || return 0
	awk -F'\t' '$7 != "" { split($7, reach, " "); print NR - 1 "\t" reach[2] }' "table.$1" >"reach.$1"
	gnuplot <<-PLOT
		set terminal svg noenhanced size 720,$((120 + 26 * $(wc -l <"table.$1"))) font 'sans-serif,12' background 'white'
		set output '$here/performance-$1.svg'
		set datafile separator '\t'
		set title "${tables[$1]}"
		set xrange [0:1.1<*]
		set yrange [$(wc -l <"table.$1") - 0.5:-0.5]
		set lmargin $(cut -f1 "table.$1" | awk 'length > n { n = length } END { print n + 3 }')
		set ytics scale 0
		set grid xtics
		set key outside bottom center horizontal
		$([[ $figures == *" $1 "* ]] || echo 'set arrow from 1, graph 0 to 1, graph 1 nohead dashtype 2')
		plot 'table.$1' using 2:0:3:4:ytic(1) with xerrorbars pointtype 7 linecolor rgb '#1f5fa8' \
			title 'median, least and greatest'$([ ! -s "reach.$1" ] ||
			echo ", 'reach.$1' using 2:1 with points pointtype 2 linecolor rgb '#c03020' title 'to be reached'")
	PLOT
	sed -i 's/[[:space:]]*$//' "$here/performance-$1.svg"
}

# As doc/performance.md has it.
as_markdown() {
	printf '\n%s:\n\n![%s](performance-%s.svg)\n\n' "${tables[$1]^}" "${tables[$1]^}" "$1"
	awk -F'\t' 'BEGIN { print "| | median | least | greatest | ours | other | reach |\n|---|---|---|---|---|---|---|" }
		{ printf "| %s | %s | %s | %s | %.5g | %.5g | %s |\n", $1, $2, $3, $4, $5, $6, $7 == "" ? "" : $7 ($8 == "no" ? ", missed" : "") }' "table.$1"
}

as_json() {
	awk -F'\t' -v name="$1" -v title="${tables[$1]}" -v figures="$([[ $figures == *" $1 "* ]] && echo true || echo false)" '
		BEGIN { printf "  {\"table\": \"%s\", \"what\": \"%s\", \"figures\": %s, \"rows\": [", name, title, figures }
		{
			printf "%s\n    {\"row\": \"%s\", \"median\": %s, \"least\": %s, \"greatest\": %s, \"ours\": %s, \"other\": %s",
				(NR > 1 ? "," : ""), $1, $2, $3, $4, $5, $6
			if ($7 != "")
				printf ", \"reach\": \"%s\", \"reached\": %s", $7, ($8 == "yes" ? "true" : "false")
			printf "}"
		}
		END { printf "\n  ]}" }' "table.$1"
}

report() {
	local name between='' left=''

	for name in "${order[@]}"; do
		summary "$name" >"table.$name"
		[ -s "table.$name" ] || continue
		printf '\n%-44s %8s %8s %8s %10s %10s  %s\n' "${tables[$name]}" median least greatest ours other reach
		awk -F'\t' '{ printf "%-44s %8s %8s %8s %10.5g %10.5g  %s\n", $1, $2, $3, $4, $5, $6,
			$7 == "" ? "" : $7 " " $8 }' "table.$name"
		draw "$name"
		as_markdown "$name" >>results.md
	done
	cp results.md "$here"
	[ ${#left_out[@]} = 0 ] || left=$(printf ', "%s"' "${left_out[@]}")
	{
		printf '{"server": "%s", "rounds": %d, "seconds": %s, "processors": %d, "load_before": %s, "load_after": %s, "left_out": [%s], "tables": [\n' \
			"$(sql -c 'SHOW server_version_num')" "$rounds" "$seconds" "$(nproc)" "$load_before" "$(cut -d' ' -f1 /proc/loadavg)" "${left#, }"
		for name in "${order[@]}"; do
			[ -s "table.$name" ] || continue
			printf '%s' "$between"
			as_json "$name"
			between=$',\n'
		done
		printf '\n]}\n'
	} >"$here/results.json"
	command -v gnuplot >/dev/null || echo "No pictures: gnuplot is not installed."
	echo "Results are in $here; the load was $load_before before and $(cut -d' ' -f1 /proc/loadavg) after."
}
