package grammar

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// statementTests pairs a text with its statements as String writes them, one a
// line, or with the error: "column: message".
var statementTests = []struct{ text, want string }{
	// The touchstone, and the forms of each verb.
	{"APPEND (FILE) PROG1.PL1 (TO FILE) PROG2.PL1", "APPEND (FILE) PROG1.PL1 (TO FILE) PROG2.PL1"},
	{"append prog1.pl1 prog2.pl1", "APPEND (FILE) prog1.pl1 (TO FILE) prog2.pl1"},
	{"a x y", "APPEND (FILE) x (TO FILE) y"},
	{"APPEND (FILE LIST) a,b (TO) c", "APPEND (FILE) a, b (TO FILE) c"},
	{"APPEND a b c d", "APPEND (FILE) a, b, c (TO FILE) d"},
	{"COPY a,b c", "COPY (FILE) a, b (TO FILE) c"},
	{"COPY a, b c", "COPY (FILE) a, b (TO FILE) c"},
	{"COPY a , b c", "COPY (FILE) a, b (TO FILE) c"},
	{"COPY a b,c d", "COPY (FILE) a, b, c (TO FILE) d"},
	{"COPY a (TO FILE) b", "COPY (FILE) a (TO FILE) b"},
	{"COPY (file)a(x) (to\t file)b", "COPY (FILE) a(x) (TO FILE) b"},
	{"COPY a b (TO FILE) c", "COPY (FILE) a, b (TO FILE) c"},
	{"cp a b", "COPY (FILE) a (TO FILE) b"},
	{"CP a b", "COPY (FILE) a (TO FILE) b"},
	{"RENAME (EXISTING FILE) a (TO BE) b", "RENAME (EXISTING FILE) a (TO BE) b"},
	{"mv a b", "MOVE (FILE) a (TO FILE) b"},
	{"MOVE a, b c to d", "MOVE (FILE) a, b, c (TO FILE) d"},
	{"ren a (to be) b", "RENAME (EXISTING FILE) a (TO BE) b"},
	{"TYPE (FILE) a", "TYPE (FILE) a"},
	{"TYPE a b,c", "TYPE (FILE) a, b, c"},
	{"cat a", "TYPE (FILE) a"},
	{"DELETE a", "DELETE (FILE) a"},
	{"del (file list) a, b --all", "DELETE (FILE) a, b --all"},
	{"ren --all a b", "RENAME (EXISTING FILE) a (TO BE) b --all"},
	{"rm a", "DELETE (FILE) a"},
	{"DIRECTORY", "DIRECTORY"},
	{"DIRECTORY (OF FILES)", "DIRECTORY"},
	{"ls a b,c", "DIRECTORY (OF FILES) a, b, c"},
	{"dir", "DIRECTORY"},
	{"dire x", "DIRECTORY (OF FILES) x"},
	{"ls --images SYS:", "DIRECTORY (OF FILES) SYS: --images"},
	{"find *:/pub/**/*.iso", "FIND (FILES) *:/pub/**/*.iso"},
	{"FIND (FILES) a? [ab] --type=dir", "FIND (FILES) a?, [ab] --type=dir"},
	{"fi a", "FIND (FILES) a"},
	{"mirror SITE1:/a SITE2:/b", "MIRROR (DIRECTORY) SITE1:/a (TO DIRECTORY) SITE2:/b"},
	{"mi a to b, c --delete --dry-run", "MIRROR (DIRECTORY) a (TO DIRECTORY) b, c --delete --dry-run"},
	{"MIRROR (DIRECTORY) a (TO) b --digest --verify=digest", "MIRROR (DIRECTORY) a (TO DIRECTORY) b --digest --verify=digest"},
	{"MIRROR a b c", "12: too many operands; expected MIRROR (DIRECTORY) source (TO DIRECTORY) destination,..."},
	{"MIRROR a, b c", "11: expected a pathname after (DIRECTORY), not a list"},
	{"MIRROR a b --recursive", "12: unknown option --recursive of MIRROR"},
	{"ndir", "DIRECTORY"},
	{"srvlist", "SITES"},
	{"GET a b, c", "GET (FILE) a, b, c"},
	{"recv a TO ~/b", "GET (FILE) a (TO FILE) ~/b"},
	{"mput *.txt", "PUT (FILE) *.txt"},
	{"PUT a, b TO SITE1:", "PUT (FILE) a, b (TO FILE) SITE1:"},
	{"EDIT (FILE) a", "EDIT (FILE) a"},
	{"LCD", "LCD"},
	{"LCD TO ..", "LCD (TO FOLDER) .."},
	{"BIND (DEVICE) X: (TO DIRECTORY) SITE1:/d", "BIND (DEVICE) X: (TO DIRECTORY) SITE1:/d"},
	{"bind X TO SITE1:/d", "BIND (DEVICE) X (TO DIRECTORY) SITE1:/d"},
	{"HISTORY 5", "HISTORY (LINES) 5"},
	{"mkdir x", "CREATE (DIRECTORY) x"},
	{"CREATE (DIRECTORY) SITE1:/x", "CREATE (DIRECTORY) SITE1:/x"},
	{"rmdir x --recursive", "REMOVE (DIRECTORY) x --recursive"},
	{"COMPARE (FILES) a, SITE1:b", "COMPARE (FILE) a, SITE1:b"},
	{"comp a", "COMPARE (FILE) a"},
	{"cd SITE1:", "CONNECT (TO DIRECTORY) SITE1:"},
	{"CONNECT (TO SITE) SITE1:", "CONNECT (TO DIRECTORY) SITE1:"},
	{"pwd", "PWD"},
	{"DEFINE SYS: SITE1:/sys, SITE2:/sys", "DEFINE (LOGICAL NAME) SYS: (AS) SITE1:/sys, SITE2:/sys"},
	{"def (logical name) sys (as) a b", "DEFINE (LOGICAL NAME) sys (AS) a, b"},
	{"DEFINE SYS:", "DEFINE (LOGICAL NAME) SYS:"},
	{"DEFINE", "DEFINE"},
	{"UNDEFINE SYS:", "UNDEFINE (LOGICAL NAME) SYS:"},
	{"WHERE (IS FILE) a", "WHERE (IS FILE) a"},
	{"wh a", "WHERE (IS FILE) a"},
	{"SITES", "SITES"},
	{"HELP", "HELP"},
	{"?", "HELP"},
	{"? cp", "HELP (WITH) cp"},
	{"HELP (WITH) APP", "HELP (WITH) APP"},
	{"QUIT", "QUIT"},
	{"bye", "QUIT"},
	{"QUIT 3", "QUIT (STATUS) 3"},
	{"exit", "QUIT"},
	{"EXPLAIN COPY a b", "EXPLAIN (COMMAND) COPY (FILE) a (TO FILE) b"},
	{"explain (command) cp (file) a,b c --route=relay", "EXPLAIN (COMMAND) COPY (FILE) a, b (TO FILE) c --route=relay"},
	{"TRACE EXPLAIN ls", "TRACE (COMMAND) EXPLAIN (COMMAND) DIRECTORY"},
	{"trace a x y", "TRACE (COMMAND) APPEND (FILE) x (TO FILE) y"},

	// Jobs, and statements in the background.
	{"JOBS", "JOBS"},
	{"j 3 --script", "JOBS (NUMBER) 3 --script"},
	{"JOBS (NUMBER) $n --all", "JOBS (NUMBER) ${n} --all"},
	{"JOBS > LOCAL:f", "JOBS > LOCAL:f"},
	{"JOBS ALL", "6: expected the number of a job, not ALL"},
	{"JOBS 1 2", "8: too many operands; expected JOBS [(NUMBER) n]"},
	{"WAIT", "WAIT"},
	{"wait (for job) 7", "WAIT (FOR JOB) 7"},
	{"WAIT 0", "6: expected the number of a job, not 0"},
	{"WAIT all", "6: expected the number of a job, not all"},
	{"CANCEL 12", "CANCEL (JOB) 12"},
	{"can (job) 12", "CANCEL (JOB) 12"},
	{"CANCEL", "7: expected (JOB) or the number of a job"},
	{"CANCEL ALL", "8: expected the number of a job, not ALL"},
	{"CANCEL 1,2", "10: expected the number of a job after (JOB), not a list"},
	{"RESUME", "RESUME"},
	{"res 3 &", "RESUME (JOB) 3 &"},
	{"RESUME (JOB) all", "RESUME (JOB) all"},
	{"RESUME some", "8: expected the number of a job or ALL, not some"},
	{"RESUME -- -1", `11: expected the number of a job or ALL, not "-1"`},
	{"FORGET 3", "FORGET (JOB) 3"},
	{"FORGET ALL", "FORGET (JOB) ALL"},
	{"FORGET", "7: expected (JOB), the number of a job or ALL"},
	{"FORGET (JOB)", "13: expected the number of a job or ALL after (JOB)"},
	{"FORGET 1.5", "8: expected the number of a job or ALL, not 1.5"},
	{"COPY a TO b &", "COPY (FILE) a (TO FILE) b &"},
	{"COPY a TO b & COPY c TO d", "COPY (FILE) a (TO FILE) b &\nCOPY (FILE) c (TO FILE) d"},
	{"COPY a b & ; ls", "COPY (FILE) a (TO FILE) b &\nDIRECTORY"},
	{"COPY a b &; ls", "COPY (FILE) a (TO FILE) b &\nDIRECTORY"},
	{"COPY a b &# c", "COPY (FILE) a (TO FILE) b &"},
	{"COPY a b\t&\t# c\nls", "COPY (FILE) a (TO FILE) b &\nDIRECTORY"},
	{"COPY a b &\r\nls", "COPY (FILE) a (TO FILE) b &\nDIRECTORY"},
	{"COPY a b \\\n & ls", "COPY (FILE) a (TO FILE) b &\nDIRECTORY"},
	{"COPY a b &\\\n ; ls", "COPY (FILE) a (TO FILE) b &\nDIRECTORY"},
	{"COPY a b &\\\nc", "COPY (FILE) a, b (TO FILE) &c"},
	{"COPY a b& &c", "COPY (FILE) a, b& (TO FILE) &c"},
	{"COPY a && &;3", "COPY (FILE) a, && (TO FILE) &;3"},
	{"COPY &,a b", `COPY (FILE) ""&, a (TO FILE) b`},
	{`COPY a "&" \& &`, `COPY (FILE) a, "&" (TO FILE) "&" &`},
	{"COPY a b & -- & ls", "12: expected a verb"},
	{"COPY -- -a b & COPY a b --update", "COPY (FILE) \"\"-a (TO FILE) b &\nCOPY (FILE) a (TO FILE) b --update"},
	{"GET a &", "GET (FILE) a &"},
	{"PUT a --update & MOVE a b & APPEND a b & MIRROR a b & WAIT",
		"PUT (FILE) a --update &\nMOVE (FILE) a (TO FILE) b &\nAPPEND (FILE) a (TO FILE) b &\nMIRROR (DIRECTORY) a (TO DIRECTORY) b &\nWAIT"},
	{"PARALLEL ; COPY a TO b & ; END", "PARALLEL ; COPY (FILE) a (TO FILE) b & ; END"},
	{"FOREACH f IN x ; COPY $f TO b & COPY $f TO c & END ; PWD",
		"FOREACH (VARIABLE) f (IN) x ; COPY (FILE) ${f} (TO FILE) b & ; COPY (FILE) ${f} (TO FILE) c & ; END\nPWD"},
	{"&", "1: expected a verb"},
	{"ls ; & ls", "6: expected a verb"},
	{"COPY a b & &", "12: expected a verb"},
	{"COPY a &", "7: expected (TO FILE) or a pathname"},
	{"COPY a, & b", "8: expected a pathname after the comma"},
	{"GET a > & b", "8: expected a pathname after >"},
	{"GET a > f &", "11: GET cannot run in the background if its output goes to a file"},
	{"ECHO a & b", `8: ECHO cannot run in the background, only APPEND, COPY, MOVE, MIRROR, GET, PUT or RESUME can; a word & goes in quotes`},
	{"EXPLAIN COPY a b &", `18: EXPLAIN cannot run in the background, only APPEND, COPY, MOVE, MIRROR, GET, PUT or RESUME can; a word & goes in quotes`},
	{"PARALLEL &", `10: PARALLEL cannot run in the background, only APPEND, COPY, MOVE, MIRROR, GET, PUT or RESUME can; a word & goes in quotes`},

	// Actions.
	{"SITE ADD X ftp://h/", "SITE (ACTION) ADD (NAME) X (URL) ftp://h/"},
	{"SITE (ACTION) ADD (NAME) X (URL) ftp://u:p@h/?tls=auto&dsk=no", "SITE (ACTION) ADD (NAME) X (URL) ftp://u:p@h/?tls=auto&dsk=no"},
	{"site a X ftp://h/", "SITE (ACTION) ADD (NAME) X (URL) ftp://h/"},
	{"site rem X", "SITE (ACTION) REMOVE (NAME) X"},
	{`site "show" X`, "SITE (ACTION) SHOW (NAME) X"},
	{"SITE t (NAME) X", "SITE (ACTION) TEST (NAME) X"},
	{"SITE", "5: expected (ACTION), ADD, REMOVE, SHOW or TEST"},
	{"SITE (ACTION)", "14: expected ADD, REMOVE, SHOW or TEST after (ACTION)"},
	{"SITE (NAME) X", "6: expected (ACTION), ADD, REMOVE, SHOW or TEST, not (NAME)"},
	{"SITE FOO X", "6: expected ADD, REMOVE, SHOW or TEST, not FOO"},
	{`SITE "" X`, `6: expected ADD, REMOVE, SHOW or TEST, not ""`},
	{"SITE ADDS X", "6: expected ADD, REMOVE, SHOW or TEST, not ADDS"},
	{"SITE a,b X", "8: expected ADD, REMOVE, SHOW or TEST after (ACTION), not a list"},
	{"SITE ADD", "9: expected (NAME) or the name of a site"},
	{"SITE ADD X", "11: expected (URL) or a URL"},
	{"SITE ADD X (URL)", "17: expected a URL after (URL)"},
	{"SITE ADD X u v", "14: too many operands; expected SITE (ACTION) ADD (NAME) site (URL) url"},
	{"SITE TEST", "10: expected (NAME) or the name of a site"},
	{"SITE sh X ftp://h/", "11: too many operands; expected SITE (ACTION) SHOW (NAME) site"},
	{"SITE TEST X (URL) u", "13: expected the end of the statement, not (URL)"},
	{"SITE TEST X, Y", "14: expected the name of a site after (NAME), not a list"},

	// Variables and quotes.
	{"ECHO $x ${x} $x.y ${x.dir} $1 $10 ${10} $@ $# $?", "ECHO (WORDS) ${x} ${x} ${x}.y ${x.dir} ${1} ${10} ${10} ${@} ${#} ${?}"},
	{`ECHO a$x"b $y c"'$z'\$w`, `ECHO (WORDS) a${x}"b ${y} c\$z\$"w`},
	{`ECHO "$x" ""$x "$" $ a$ $% $$x`, `ECHO (WORDS) "${x}" ${x} "\$" $ a$ $% $${x}`},
	{`ECHO SYS$LOGIN`, `ECHO (WORDS) SYS${LOGIN}`},
	{`ECHO {a,$x}b`, `ECHO (WORDS) {a,${x}}b`},
	{`ECHO -$x`, `6: unknown option "-\${x}" of ECHO; a pathname that begins with a dash goes behind -- or in quotes`},
	{`ECHO $-x $x-`, `ECHO (WORDS) $-x ${x}-`},
	{"ECHO $" + strings.Repeat("x", 300), "ECHO (WORDS) ${" + strings.Repeat("x", 300) + "}"},
	{"ECHO ${", "6: expected the name of a variable and } after ${; a dollar sign in a name is written \\$"},
	{"ECHO ${a b}", "6: expected the name of a variable and } after ${; a dollar sign in a name is written \\$"},
	{"ECHO a${}", "7: expected the name of a variable and } after ${; a dollar sign in a name is written \\$"},
	{"ECHO ${x.size}", "6: expected the name of a variable and } after ${; a dollar sign in a name is written \\$"},
	{`ECHO "a ${"`, "9: expected the name of a variable and } after ${; a dollar sign in a name is written \\$"},
	{"$v a b", "1: expected a verb, not a variable"},
	{"EXPLAIN $v a", "9: expected a verb, not a variable"},
	{"SITE $a X", "6: expected ADD, REMOVE, SHOW or TEST, not a variable"},
	{"COPY a b --route=$r", "COPY (FILE) a (TO FILE) b --route=${r}"},
	{"HELP $v", "HELP (WITH) ${v}"},
	{"SET", "SET"},
	{"SET x", "SET (VARIABLE) x"},
	{"SET x 'a  b'", `SET (VARIABLE) x (TO) "a  b"`},
	{"SET x TO *.iso", "SET (VARIABLE) x (TO) *.iso"},
	{"SET x = y", "9: too many operands; expected SET [(VARIABLE) variable [(TO) text]]"},
	{"SET 1 y", "5: expected the name of a variable (letters, digits and _), not 1"},
	{"SET $x y", "5: expected the name of a variable (letters, digits and _), not ${x}"},
	{`SET "x" y`, `5: expected the name of a variable (letters, digits and _), not "x"`},
	{"SET a-b y", "5: expected the name of a variable (letters, digits and _), not a-b"},

	{`ECHO ""$"" 'a'$''b`, `ECHO (WORDS) "\$" "a\$"b`},
	{`ECHO $''x a$""{x} $"" $"x" $\x`, `ECHO (WORDS) "\$"x a"\$"{x} "\$" "\$x" "\$x"`},

	// Free text keeps its commas.
	{"ECHO a, b,c , d", `ECHO (WORDS) a"," b","c"," d`},
	{`ECHO "a,b" 'c',$x`, `ECHO (WORDS) "a,b" "c,"${x}`},
	{"SET x a,b", `SET (VARIABLE) x (TO) a","b`},
	{"SET x a, b", "10: expected a word after (TO), not a list"},
	{`ECHO a,"" b,"",c d, ""`, `ECHO (WORDS) a"," b",,"c d"," ""`},
	{"ECHO -,0 -, -", `ECHO (WORDS) ""-","0 ""-"," -`},
	{"ECHO a$,b $,$,c", `ECHO (WORDS) a"\$,"b "\$,\$,"c`},
	{"APPEND $ 0 0", "APPEND (FILE) $, 0 (TO FILE) 0"},
	{"ECHO a,", "8: expected a pathname after the comma"},

	// Redirections.
	{"ls > f", "DIRECTORY > f"},
	{"ls >f", "DIRECTORY > f"},
	{"ls >> LOCAL:f a --images", "DIRECTORY (OF FILES) a --images >> LOCAL:f"},
	{"> f ls", "1: expected a verb"},
	{"TYPE a>b", "TYPE (FILE) a>b"},
	{"TYPE <A.B>c > d", "TYPE (FILE) <A.B>c > d"},
	{"TYPE a > b > c", "12: the output can go to one place only"},
	{"TYPE a >", "9: expected a pathname after >"},
	{"TYPE a >> --images", "11: expected a pathname after >>"},
	{"TYPE a > , b", "10: expected a pathname after >"},
	{"COPY a b > c", "12: COPY prints nothing that could go to a file"},
	{"EXPLAIN COPY a b > c", "EXPLAIN (COMMAND) COPY (FILE) a (TO FILE) b > c"},
	{"ECHO a > $f", "ECHO (WORDS) a > ${f}"},

	// Blocks.
	{"IF EXISTS a ; ECHO b ; END", "IF (CONDITION) EXISTS a ; ECHO (WORDS) b ; END"},
	{"IF NOT EXISTS a\n ECHO b\nELSE\n ECHO c\n ECHO d\nEND\nPWD",
		"IF (CONDITION) NOT EXISTS a ; ECHO (WORDS) b ; ELSE ; ECHO (WORDS) c ; ECHO (WORDS) d ; END\nPWD"},
	{"if $a = b ; end", "IF (CONDITION) ${a} = b ; END"},
	{"if (condition) not a != 'b c' ; end", `IF (CONDITION) not a != "b c" ; END`},
	{"IF EXISTS = b ; END", "IF (CONDITION) EXISTS = b ; END"},
	{`IF "EXISTS" != NOT ; END`, `IF (CONDITION) "EXISTS" != NOT ; END`},
	{"IF a = b ; IF c = d ; END ; ELSE ; FOREACH f IN a b ; END ; END",
		"IF (CONDITION) a = b ; IF (CONDITION) c = d ; END ; ELSE ; FOREACH (VARIABLE) f (IN) a, b ; END ; END"},
	{"IF", "3: expected (CONDITION) or a condition"},
	{"IF a", "5: expected EXISTS pathname, or a = b or a != b with blanks around the sign"},
	{"IF a=b", "7: expected EXISTS pathname, or a = b or a != b with blanks around the sign"},
	{"IF a == b", "6: expected EXISTS pathname, or a = b or a != b with blanks around the sign"},
	{"IF EXISTS", "10: expected a pathname after EXISTS"},
	{"IF a =", "7: expected a word after ="},
	{"IF EXISTS a b", "13: expected the end of the condition, not b"},
	{"IF a = b", "1: IF has no END"},
	{"IF a = b\nPWD\n", "1: IF has no END"},
	{"IF a = b ; IF c = d ; END", "1: IF has no END"},
	{"IF a = b ; FOREACH f IN x ; PWD", "12: FOREACH has no END"},
	{"IF a = b ; ELSE ; ELSE ; END", "19: ELSE without an IF"},
	{"PARALLEL ; ELSE ; END", "12: ELSE without an IF"},
	{"ELSE", "1: ELSE without an IF"},
	{"PWD ; END", "7: END without an IF, FOREACH or PARALLEL"},
	{"EXPLAIN IF a = b", "9: IF cannot stand behind EXPLAIN"},
	{"TRACE END", "7: END cannot stand behind TRACE"},
	{"FOREACH f IN *:/a/*.iso SITE1:b,c ; TYPE $f ; END", "FOREACH (VARIABLE) f (IN) *:/a/*.iso, SITE1:b, c ; TYPE (FILE) ${f} ; END"},
	{"FOREACH f (IN) x --parallel=4 ; END", "FOREACH (VARIABLE) f (IN) x --parallel=4 ; END"},
	{"FOREACH f", "10: expected (IN) or a pathname"},
	{"FOREACH $f IN a ; END", "9: expected the name of a variable (letters, digits and _), not ${f}"},
	{"PARALLEL ; PWD ; END", "PARALLEL ; PWD ; END"},
	{"PARALLEL 4 ; PWD ; END", "PARALLEL (AT ONCE) 4 ; PWD ; END"},
	{"PARALLEL many ; END", "10: expected a number, not many"},
	{"PARALLEL -- -1 ; END", `13: expected a number, not "-1"`},
	{"PARALLEL $n ; END", "PARALLEL (AT ONCE) ${n} ; END"},
	{"PARALLEL 1 2 ; END", "12: too many operands; expected PARALLEL [(AT ONCE) number]"},
	{"ON ERROR CONTINUE", "ON (ERROR) CONTINUE"},
	{"on error retry 3", "ON (ERROR) RETRY (TIMES) 3"},
	{"ON (ERROR) STOP", "ON (ERROR) STOP"},
	{"ON ERROR", "4: expected CONTINUE, STOP or RETRY, not \"ERROR\""},
	{"ON ERROR RETRY", "15: expected (TIMES) or a number"},
	{"ON ERROR STOP 3", "15: too many operands; expected ON (ERROR) STOP"},
	{"TAKE f.rsx a 'b c'", `TAKE (COMMANDS FROM) f.rsx (ARGUMENTS) a "b c"`},

	// A bare TO.
	{"COPY a TO b", "COPY (FILE) a (TO FILE) b"},
	{"copy a, b c to d", "COPY (FILE) a, b, c (TO FILE) d"},
	{"COPY f TO SITE1:, SITE2:, SITE3:", "COPY (FILE) f (TO FILE) SITE1:, SITE2:, SITE3:"},
	{"APPEND a TO b", "APPEND (FILE) a (TO FILE) b"},
	{"RENAME a TO b", "RENAME (EXISTING FILE) a (TO BE) b"},
	{"CONNECT TO SITE1:", "CONNECT (TO DIRECTORY) SITE1:"},
	{"EXPLAIN COPY a TO b", "EXPLAIN (COMMAND) COPY (FILE) a (TO FILE) b"},
	{"COPY a TO --route=auto b", "COPY (FILE) a (TO FILE) b --route=auto"},
	{"COPY a TO -- -b", `COPY (FILE) a (TO FILE) ""-b`},
	{"COPY TO TO TO", "COPY (FILE) TO (TO FILE) TO"},
	{"COPY a TO", "COPY (FILE) a (TO FILE) TO"},
	{"COPY a TO --route=auto", "COPY (FILE) a (TO FILE) TO --route=auto"},
	{"COPY a TO (TO FILE) b", "COPY (FILE) a, TO (TO FILE) b"},
	{"COPY a, TO b", "COPY (FILE) a, TO (TO FILE) b"},
	{`COPY a "TO" b`, `COPY (FILE) a, "TO" (TO FILE) b`},
	{`COPY a T\O b`, `COPY (FILE) a, T"O" (TO FILE) b`},
	{"cd to", "CONNECT (TO DIRECTORY) to"},
	{"ls a TO b", "DIRECTORY (OF FILES) a, TO, b"},
	{"COPY a (TO FILE) TO b", "21: too many operands; expected COPY (FILE) source,... (TO FILE) destination,..."},
	{"COPY a TO TO b", "14: too many operands; expected COPY (FILE) source,... (TO FILE) destination,..."},
	{"RENAME a,b TO c", "10: expected a pathname after (EXISTING FILE), not a list"},
	{"RENAME a TO b,c", "15: expected a pathname after (TO BE), not a list"},
	{"TRACE cd to x y", "15: too many operands; expected CONNECT (TO DIRECTORY) source"},

	// Braces.
	{"ls {a,b}.txt,c", "DIRECTORY (OF FILES) {a,b}.txt, c"},
	{"ls x{a,{b,c},d}{e,f},{g,h}", "DIRECTORY (OF FILES) x{a,{b,c},d}{e,f}, {g,h}"},
	{"COPY {a,b}.c TO {d,e}:,f", "COPY (FILE) {a,b}.c (TO FILE) {d,e}:, f"},
	{`ls {"a b",c\ d,'}'}`, `DIRECTORY (OF FILES) {"a b",c" "d,"}"}`},
	{`ls {a\,b},c`, `DIRECTORY (OF FILES) {a","b}, c`},
	{`ls "{"a,b}`, `DIRECTORY (OF FILES) "{"a, b}`},
	{`ls {a,b"}"`, `DIRECTORY (OF FILES) {a, b"}"`},
	{`ls {a,b\}`, `DIRECTORY (OF FILES) {a, b"}"`},
	{`ls {"\"}",b}`, `DIRECTORY (OF FILES) {"\"}",b}`},
	{"ls {a,b", "DIRECTORY (OF FILES) {a, b"},
	{"ls {a, b}", "DIRECTORY (OF FILES) {a, b}"},
	{"ls a},{b", "DIRECTORY (OF FILES) a}, {b"},
	{"ls }a,{b,c}", "DIRECTORY (OF FILES) }a, {b,c}"},
	{"ls {a,{b,c}", "DIRECTORY (OF FILES) {a, {b,c}"},
	{"ls {a,\\\nb}", "DIRECTORY (OF FILES) {a, b}"},
	{"ls {\\\nx,y{b,c}}", "DIRECTORY (OF FILES) {x, y{b,c}}"},
	{"ls -- -{a,b}", `DIRECTORY (OF FILES) ""-{a,b}`},
	{"COPY a b --choreography={x,{y}", "COPY (FILE) a (TO FILE) b --choreography={x,{y}"},
	{"COPY a b --choreography={x,y},z", "COPY (FILE) a (TO FILE) b --choreography={x,y},z"},
	{"ls {a,b'", "8: open quote"},
	{"ls {a,,b} {a,,b", "14: expected a pathname after the comma"},

	// Words.
	{"ls [SITE1]<SRC>PROG1.PL1", "DIRECTORY (OF FILES) [SITE1]<SRC>PROG1.PL1"},
	{"ls <A.B>X", "DIRECTORY (OF FILES) <A.B>X"},
	{"ls A.TXT;3", "DIRECTORY (OF FILES) A.TXT;3"},
	{"ls a/b c", "DIRECTORY (OF FILES) a/b, c"},
	{"ls a /b c", "DIRECTORY (OF FILES) a, /b, c"},
	{"ls 'a b'", `DIRECTORY (OF FILES) "a b"`},
	{`ls 'a\n"'`, `DIRECTORY (OF FILES) "a\\n\""`},
	{`ls SITE1:"/a b"`, `DIRECTORY (OF FILES) SITE1:"/a b"`},
	{`ls a\ b`, `DIRECTORY (OF FILES) a" "b`},
	{`ls a\,b`, `DIRECTORY (OF FILES) a","b`},
	{`ls "a""b"'c'\d`, `DIRECTORY (OF FILES) "abcd"`},
	{`ls a""b`, `DIRECTORY (OF FILES) ab`},
	{`ls ""`, `DIRECTORY (OF FILES) ""`},
	{`ls ""#a`, `DIRECTORY (OF FILES) ""#a`},
	{`ls "\"\\\t\n\x41\xff\u{e9}\u{1F600}"`, `DIRECTORY (OF FILES) "\"\\\t\nA\xffé😀"`},
	{`ls \(x)`, `DIRECTORY (OF FILES) "("x)`},
	{`ls "(x)"`, `DIRECTORY (OF FILES) "(x)"`},
	{"ls a#b", "DIRECTORY (OF FILES) a#b"},
	{"ls a # b", "DIRECTORY (OF FILES) a"},
	{"ls (OF FILES)# b", "DIRECTORY"},
	{"ls é*", "DIRECTORY (OF FILES) é*"},
	{"ls \xff", "DIRECTORY (OF FILES) \xff"},
	{"ls $x ~", "DIRECTORY (OF FILES) ${x}, ~"},
	{"ls -", "DIRECTORY (OF FILES) -"},
	{`ls \-x`, `DIRECTORY (OF FILES) "-"x`},
	{`ls "--route"`, `DIRECTORY (OF FILES) "--route"`},
	{"ls -- --route -x - y", `DIRECTORY (OF FILES) ""--route, ""-x, -, y`},
	{"ls -- --", `DIRECTORY (OF FILES) ""--`},

	// Options.
	{"COPY --route=direct a b", "COPY (FILE) a (TO FILE) b --route=direct"},
	{"COPY a --ROUTE=auto b --choreography=rfc959", "COPY (FILE) a (TO FILE) b --route=auto --choreography=rfc959"},
	{"COPY a b --choreography=x,y", "COPY (FILE) a (TO FILE) b --choreography=x,y"},
	{`COPY a b --choreography="x y"z`, `COPY (FILE) a (TO FILE) b --choreography="x y"z`},
	{"APPEND a b --verify=read --limit=2M --max-sessions=3 --ascii", "APPEND (FILE) a (TO FILE) b --verify=read --limit=2M --max-sessions=3 --ascii"},
	{"MOVE a b --verify=size --limit=500k --max-sessions=1", "MOVE (FILE) a (TO FILE) b --verify=size --limit=500k --max-sessions=1"},
	{"PUT a --no-clobber --in-place --ascii", "PUT (FILE) a --no-clobber --in-place --ascii"},
	{"GET a --recursive --include=*.c", "GET (FILE) a --recursive --include=*.c"},
	{"COPY a b --include=*.c --include=*.h --exclude=tmp/**", "COPY (FILE) a (TO FILE) b --include=*.c --include=*.h --exclude=tmp/**"},
	{"MIRROR a b --exclude=*.o,tmp,{x,y}.z", "MIRROR (DIRECTORY) a (TO DIRECTORY) b --exclude=*.o --exclude=tmp --exclude={x,y}.z"},
	{`MIRROR a b --exclude="a,b"c,-d,$x,''e\,f`, `MIRROR (DIRECTORY) a (TO DIRECTORY) b --exclude="a,b"c --exclude=-d --exclude=${x} --exclude=e","f`},
	{"MIRROR a b --exclude={a,b --exclude=a},b", "MIRROR (DIRECTORY) a (TO DIRECTORY) b --exclude={a,b --exclude=a} --exclude=b"},
	{"COPY a b --include", "10: option --include needs a value: --include=PATTERN,..."},
	{"COPY a b --include=a,,b", "20: expected PATTERN before and after each comma"},
	{"COPY a b --include=,", "20: expected PATTERN before and after each comma"},
	{"COPY a b --verify=crc", "19: expected size, digest or read, not crc"},
	{"COPY a b --limit=1k --limit=2k", "21: option --limit is given twice"},
	{"MOVE a b --ascii", "10: unknown option --ascii of MOVE"},
	{"MIRROR a b --ascii", "12: unknown option --ascii of MIRROR"},
	{"APPEND a b --no-clobber", "12: unknown option --no-clobber of APPEND"},
	{"COPY a b --delete", "10: unknown option --delete of COPY"},
	{"COPY a b --foo", "10: unknown option --foo of COPY"},
	{"COPY a b --rout=direct", "10: unknown option --rout of COPY; did you mean --route?"},
	{"COPY a b --route", "10: option --route needs a value: --route=direct|relay|auto"},
	{"COPY a b --route=", "10: option --route needs a value: --route=direct|relay|auto"},
	{"COPY a b --route=fast", "18: expected direct, relay or auto, not fast"},
	{"COPY a b --choreography", "10: option --choreography needs a value: --choreography=NAME"},
	{"COPY --route=auto a b --route=auto", "23: option --route is given twice"},
	{"rm a --all=yes", "6: option --all takes no value"},
	{"rm a --all --all", "12: option --all is given twice"},
	{"FIND a --type=pipe", "15: expected file, dir or link, not pipe"},
	{"rmdir a --recursiv", "9: unknown option --recursiv of REMOVE; did you mean --recursive?"},
	{"ls --route=auto", "4: unknown option --route of DIRECTORY"},
	{"ls -l", "4: unknown option \"-l\" of DIRECTORY; a pathname that begins with a dash goes behind -- or in quotes"},
	{"EXPLAIN --route=auto COPY a b", "9: unknown option --route of EXPLAIN"},

	// Several statements, comments, continued lines.
	{"", ""},
	{"  \t\r\n\n# only a comment\n", ""},
	{"#!/usr/bin/env -S rsexec run\nls\n", "DIRECTORY"},
	{"\ufeffls", "DIRECTORY"},
	{"ls ; sites", "DIRECTORY\nSITES"},
	{"ls a ;\tls b ;", "DIRECTORY (OF FILES) a\nDIRECTORY (OF FILES) b"},
	{"; ; ls ; # x", "DIRECTORY"},
	{"ls ;x", "DIRECTORY (OF FILES) ;x"},
	{"ls\r\nsites\r\n", "DIRECTORY\nSITES"},
	{"COPY a \\\n  b", "COPY (FILE) a (TO FILE) b"},
	{"COPY a \\\r\n  b\r\n", "COPY (FILE) a (TO FILE) b"},
	{"ls a\\\nb", "DIRECTORY (OF FILES) ab"},
	{"ls \"a\\\nb\"", `DIRECTORY (OF FILES) "ab"`},
	{"ls a\\\\\nsites", "DIRECTORY (OF FILES) a\"\\\\\"\nSITES"},
	{"ls # c:\\\nsites", "DIRECTORY\nSITES"},
	{"ls -- -x ; ls -x", "15: unknown option \"-x\" of DIRECTORY; a pathname that begins with a dash goes behind -- or in quotes"},

	// Verbs that are none.
	{"APEND a b", "1: unknown verb APEND; did you mean APPEND?"},
	{"tyep a", "1: unknown verb tyep; did you mean TYPE?"},
	{"exti", "1: unknown verb exti; did you mean QUIT?"},
	{"XYZZY", "1: unknown verb XYZZY; HELP lists the verbs"},
	{"chmod x", "1: unknown verb chmod; HELP lists the verbs"},
	{`""`, "1: expected a verb, not an empty word; HELP lists the verbs"},
	{"  D a", "3: ambiguous verb D: DELETE, DIRECTORY, DIGEST or DEFINE"},
	{"SI", "1: ambiguous verb SI: SITE or SITES"},
	{"C a b", "1: ambiguous verb C: COPY, COUNT, CREATE, COMPARE, CONNECT or CANCEL"},
	{"m a b", "1: ambiguous verb m: MOVE or MIRROR"},
	{"fo", "1: ambiguous verb fo: FORGET or FOREACH"},
	{"re 1", "1: ambiguous verb re: RENAME, REMOVE or RESUME"},
	{"w a", "1: ambiguous verb w: WHERE or WAIT"},
	{"t a", "1: ambiguous verb t: TOUCH, TYPE, TRACE or TAKE"},
	{"COPYX a b", "1: unknown verb COPYX; did you mean COPY?"},
	{"HELP FOO", "6: unknown verb FOO; HELP lists the verbs"},
	{"HELP d", "6: ambiguous verb d: DELETE, DIRECTORY, DIGEST or DEFINE"},
	{"EXPLAIN TYEP a", "9: unknown verb TYEP; did you mean TYPE?"},
	{"(FILE) a", "1: expected a verb"},
	{"--route=direct", "1: expected a verb"},
	{", a", "1: expected a verb"},

	// Operands too few and too many.
	{"COPY", "5: expected (FILE) or a pathname"},
	{"COPY   # to what", "5: expected (FILE) or a pathname"},
	{"COPY a", "7: expected (TO FILE) or a pathname"},
	{"COPY (FILE)", "12: expected a pathname after (FILE)"},
	{"COPY a (TO FILE)", "17: expected a pathname after (TO FILE)"},
	{"COPY (FILE) a ; ls", "14: expected (TO FILE) or a pathname"},
	{"COPY a,b", "9: expected (TO FILE) or a pathname"},
	{"COPY é", "7: expected (TO FILE) or a pathname"},
	{"RENAME a", "9: expected (TO BE) or a pathname"},
	{"TYPE", "5: expected (FILE) or a pathname"},
	{"EXPLAIN", "8: expected (COMMAND) or a statement"},
	{"EXPLAIN (COMMAND)", "18: expected a statement after (COMMAND)"},
	{"EXPLAIN COPY a", "15: expected (TO FILE) or a pathname"},
	{"FIND", "5: expected (FILES) or a pathname"},
	{"CONNECT", "8: expected (TO DIRECTORY) or a pathname"},
	{"UNDEFINE", "9: expected (LOGICAL NAME) or a logical name"},
	{"CREATE a b", "10: too many operands; expected CREATE (DIRECTORY) destination"},
	{"UNDEFINE a b", "12: too many operands; expected UNDEFINE (LOGICAL NAME) name"},
	{"REMOVE a b", "10: too many operands; expected REMOVE (DIRECTORY) pathname"},
	{"RENAME a b c", "12: too many operands; expected RENAME (EXISTING FILE) source (TO BE) destination"},
	{"PWD now", "5: too many operands; expected PWD"},
	{"HELP a b", "8: too many operands; expected HELP [(WITH) verb]"},

	// Guide words at the wrong place.
	{"COPY (TO FILE) a", "6: expected (FILE) or a pathname, not (TO FILE)"},
	{"COPY (FOO) a", "6: expected (FILE) or a pathname, not (FOO)"},
	{"COPY (FILE) a (FILE) b", "15: expected (TO FILE) or a pathname, not (FILE)"},
	{"COPY (FILE) (TO FILE) b", "13: expected a pathname after (FILE), not (TO FILE)"},
	{"COPY a (TO FILE) b (TO FILE) c", "20: expected the end of the statement, not (TO FILE)"},
	{"COPY a (TO FILE) b c", "20: too many operands; expected COPY (FILE) source,... (TO FILE) destination,..."},
	{"RENAME a b (TO BE) c", "12: expected the end of the statement, not (TO BE)"},
	{"ls a (OF FILES) b", "6: expected a pathname or the end of the statement, not (OF FILES)"},
	{"DEFINE (AS) a", "8: expected (LOGICAL NAME) or a logical name, not (AS)"},
	{"DEFINE (LOGICAL NAME) (AS) a", "23: expected a logical name after (LOGICAL NAME), not (AS)"},
	{"DEFINE X (TO) a", "10: expected (AS) or a pathname, not (TO)"},
	{"PWD (NOW)", "5: expected the end of the statement, not (NOW)"},

	// Lists.
	{"COPY a, b,", "11: expected a pathname after the comma"},
	{"COPY a,,b c", "8: expected a pathname after the comma"},
	{"COPY ,a b", "6: expected a pathname before the comma"},
	{"COPY a, (TO FILE) b", "9: expected a pathname after the comma"},
	{"COPY a, --route=auto b", "9: expected a pathname after the comma"},
	{"COPY (FILE), b", "12: expected a pathname before the comma"},
	{"COPY a b,c", "COPY (FILE) a (TO FILE) b, c"},
	{"COPY a (TO FILE) b,c d", "22: too many operands; expected COPY (FILE) source,... (TO FILE) destination,..."},
	{"COPY a TO b,", "13: expected a pathname after the comma"},
	{"APPEND a b,c", "12: expected a pathname after (TO FILE), not a list"},
	{"WHERE a,b", "9: expected a pathname after (IS FILE), not a list"},
	{"DEFINE a,b c", "10: expected a logical name after (LOGICAL NAME), not a list"},
	{"EXPLAIN ls, b", "13: expected a statement, not a list"},

	// Text that is no token.
	{`TYPE "a b`, "6: open quote"},
	{`TYPE a'b`, "7: open quote"},
	{"TYPE 'a\nb'", "6: open quote"},
	{`TYPE "a\q"`, "8: unknown escape; there are " + `\" \\ \$ \t \n \xHH \u{HHHH}`},
	{`TYPE "\xg0"`, "7: unknown escape; there are " + `\" \\ \$ \t \n \xHH \u{HHHH}`},
	{`TYPE "\u{d800}"`, "7: unknown escape; there are " + `\" \\ \$ \t \n \xHH \u{HHHH}`},
	{`TYPE "\u{41"`, "7: unknown escape; there are " + `\" \\ \$ \t \n \xHH \u{HHHH}`},
	{`TYPE "a\x00"`, "8: a word cannot hold a NUL"},
	{"TYPE a\x00", "7: a word cannot hold a NUL"},
	{"TYPE (TO FILE", "6: open parenthesis"},
	{"TYPE (a.b)", "6: a pathname that begins with ( must be quoted"},
	{"TYPE ()", "6: a pathname that begins with ( must be quoted"},
	{"ls; sites", "3: " + faultSemicolon},
	{"TYPE a;", "7: " + faultSemicolon},
	{`TYPE a\`, "7: the text ends in the middle of a continued line"},
	{`TYPE a \`, "8: the text ends in the middle of a continued line"},
	{"COPY a, 'b", "9: open quote"},
	{"'COPY", "1: open quote"},
}

func TestParse(t *testing.T) {
	for _, test := range statementTests {
		list, err := Parse("", test.text)
		got := sketch(list)
		if err != nil {
			e, ok := err.(*SyntaxError)
			if !ok {
				t.Errorf("%q: error %v is no SyntaxError", test.text, err)
				continue
			}
			got = fmt.Sprintf("%d: %s", e.Column, e.Msg)
		}
		if got != test.want {
			t.Errorf("%q\n got %s\nwant %s", test.text, got, test.want)
		}
	}
}

// sketch writes statements one a line.
func sketch(list []*Statement) string {
	lines := make([]string, len(list))
	for i, st := range list {
		lines[i] = st.String()
	}
	return strings.Join(lines, "\n")
}

func TestStatement(t *testing.T) {
	list, err := Parse("", "\n  cp SITE1:\"/a b\"é, c \\\n d --route=relay ; EXPLAIN ls")
	if err != nil {
		t.Fatal(err)
	}
	cp, _ := FindVerb("COPY")
	ls, _ := FindVerb("ls")
	explain, _ := FindVerb("EXPLAIN")
	bare := func(text string, line, column, offset int) Word {
		return Word{Raw: text, Parts: []Part{{Text: text}}, Pos: Position{line, column, offset}}
	}
	want := []*Statement{
		{
			Verb: cp,
			Operands: [][]Word{
				{
					{
						Raw:   `SITE1:"/a b"é`,
						Parts: []Part{{Text: "SITE1:"}, {Text: "/a b", Quoted: true}, {Text: "é"}},
						Pos:   Position{2, 6, 6},
					},
					bare("c", 2, 21, 22),
				},
				{bare("d", 3, 2, 27)},
			},
			Options: []Setting{{Option: &cp.Options[0], Value: bare("relay", 3, 12, 37), Pos: Position{3, 4, 29}}},
			Pos:     Position{2, 3, 3},
		},
		{
			Verb:     explain,
			Operands: [][]Word{nil},
			Inner:    &Statement{Verb: ls, Operands: [][]Word{nil}, Pos: Position{3, 28, 53}},
			Pos:      Position{3, 20, 45},
		},
	}
	if diff := cmp.Diff(want, list, sameVerb, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	st := list[0]
	if got := st.Operand(0).Value(); got != "SITE1:/a bé" {
		t.Errorf("Operand(0) is %q", got)
	}
	if got := len(st.List(0)); got != 2 {
		t.Errorf("List(0) has %d words", got)
	}
	if got := st.Operand(7); len(got.Parts) != 0 || got.Value() != "" {
		t.Errorf("Operand(7) is %v", got)
	}
	if got, given := st.Option("route"); got != "relay" || !given {
		t.Errorf("Option(route) is %q, %v", got, given)
	}
	if got, given := st.Option("choreography"); got != "" || given {
		t.Errorf("Option(choreography) is %q, %v", got, given)
	}
}

// TestValues checks the values of an option that is given several times, as words.
func TestValues(t *testing.T) {
	list, err := Parse("", `MIRROR a b --exclude=*.o,"x,y*" --route=relay --exclude={c,d}`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range list[0].Values("exclude") {
		got = append(got, w.Raw+" "+w.Pattern())
	}
	if diff := cmp.Diff([]string{"*.o *.o", `"x,y*" x\,y\*`, "{c,d} {c,d}"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := list[0].Values("include"); len(got) > 0 {
		t.Errorf("an option that was not given has the values %v", got)
	}
}

// sameVerb compares verbs as entries of the table.
var sameVerb = cmp.Comparer(func(a, b *Verb) bool { return a == b })

// sameStatement ignores what String does not keep.
var sameStatement = cmp.Options{
	sameVerb,
	cmpopts.EquateEmpty(),
	cmpopts.IgnoreTypes(Position{}),
	cmpopts.IgnoreFields(Word{}, "Raw"),
}

func FuzzParse(f *testing.F) {
	for _, test := range statementTests {
		f.Add(test.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Parse("fuzz", text)
		if err != nil {
			e, ok := err.(*SyntaxError)
			if !ok {
				t.Fatalf("error %v is no SyntaxError", err)
			}
			if lines := strings.Count(text, "\n") + 1; e.Line < 1 || e.Line > lines || e.Column < 1 || e.Msg == "" {
				t.Errorf("misplaced error %v", e)
			}
			if !strings.Contains(text, e.Text) {
				t.Errorf("text %q of the error is not in the script", e.Text)
			}
			e.Snippet()
		}
		for _, st := range list {
			again, err := Parse("", st.String())
			if err != nil {
				t.Fatalf("%s: %v", st, err)
			}
			if diff := cmp.Diff([]*Statement{st}, again, sameStatement); diff != "" {
				t.Fatalf("%s\n(-first +again)\n%s", st, diff)
			}
			for _, words := range st.Operands {
				for _, w := range words {
					if !w.HasVariable() {
						checkPattern(t, w)
					}
				}
			}
		}
		Complete(text, len(text)/2)
		Complete(text, len(text))
	})
}
