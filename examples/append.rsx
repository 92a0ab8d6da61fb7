# append.rsx adds one file to the end of another. The files may be at two sites; the
# data then goes from one to the other, and not through this host.
#
#     rsexec run append.rsx PROG1.PL1 PROG2.PL1
#
# $1 is the file that is added, $2 the one that grows. It needs nothing but the two
# sites. What the control connections would carry is printed first. Performed again,
# it appends again.

EXPLAIN APPEND (FILE) $1 (TO FILE) $2
APPEND (FILE) $1 (TO FILE) $2
