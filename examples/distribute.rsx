# distribute.rsx brings a release to every site that has a directory /releases, to
# four at a time, and then compares all the images.
#
#     rsexec run distribute.rsx BUILD:/out/prog-1.2.tar.gz
#     rsexec run distribute.rsx LOCAL:/home/ann/prog-1.2.tar.gz
#
# $1 is the release. A site that has it already is left alone. One that is down is
# reported and does not keep the others from getting it; the exit status says so.

SET release $1
ON ERROR CONTINUE
FOREACH dir IN *:/releases --parallel=4
    COPY $release TO $dir/ --update
END
COMPARE $release, *:/releases/${release.name}
