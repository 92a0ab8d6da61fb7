# prune.rsx deletes the files below a directory that are older than an age, and prints
# the name of each.
#
#     rsexec run --dry-run prune.rsx SITE1:/backups 30d
#     rsexec run prune.rsx SITE1:/backups 30d
#
# $1 is the directory, $2 the age: 30d, 12h, or a date. With --dry-run, which should
# come first, nothing is deleted. Directories stay, and so does every file whose age
# its site does not tell.

ON ERROR CONTINUE
FOREACH file IN $1 --type=file --older=$2
    DELETE $file
END
