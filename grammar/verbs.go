package grammar

import "slices"

// transferOptions are the options of the verbs that move data between sites.
var transferOptions = []Option{
	{
		Name: "route",
		Choices: []Choice{
			{"direct", "from site to site, or not at all"},
			{"relay", "through this host"},
			{"auto", "from site to site where that works, else through this host"},
		},
		Help: "the way the data takes",
	},
	{
		Name: "choreography", Value: "NAME",
		Help: "use this choreography and no other",
	},
	{
		Name: "verify",
		Choices: []Choice{
			{"size", "the sizes agree"},
			{"digest", "both sites compute the same digest"},
			{"read", "both files are read back and compared"},
		},
		Help: "what is looked at before a file counts as transferred",
	},
	{
		Name: "limit", Value: "RATE",
		Help: "at most so many bytes a second, such as 500k or 2M; through this host, for only there it can be limited",
	},
	{
		Name: "max-sessions", Value: "N",
		Help: "at most so many sessions of each site, for this statement",
	},
}

// asciiOption is an option of the verbs whose destination need not be equal to the
// source.
var asciiOption = Option{Name: "ascii", Help: "as text, with the line ends that each site has; cannot be resumed"}

// replaceOptions are the options of the verbs that may find a file at the
// destination.
var replaceOptions = []Option{
	{Name: "no-clobber", Help: "leave a file that is there already as it is"},
	{Name: "in-place", Help: "write the destination itself, without a temporary name"},
}

// patternOptions are the options that say what of a directory is copied. What
// their help begins with says when a directory is.
func patternOptions(when string) []Option {
	return []Option{
		{
			Name: "include", Value: "PATTERN", Many: true,
			Help: when + "only files that match: by the path below the directory, or by the name at any depth if there is no slash",
		},
		{
			Name: "exclude", Value: "PATTERN", Many: true,
			Help: when + "leave out what matches in that way",
		},
	}
}

// copyOptions are the options of the verbs that copy.
var copyOptions = slices.Concat(transferOptions,
	[]Option{
		asciiOption,
		{Name: "recursive", Help: "directories too, with all that is below them"},
		{Name: "update", Help: "only what is not there yet, has another size there, or was modified since"},
	},
	replaceOptions, patternOptions("with --recursive, "))

// filterOptions are the options of the verbs that look for files.
var filterOptions = []Option{
	{
		Name:    "type",
		Choices: []Choice{{"file", "files only"}, {"dir", "directories only"}, {"link", "links only"}},
		Help:    "what is looked for",
	},
	{Name: "older", Value: "AGE", Help: "modified before that: 30d, 12h, 90m or 45s ago, or a time such as 2026-11-21 or 2026-11-21T08:00:00Z"},
	{Name: "newer", Value: "AGE", Help: "modified after that"},
	{Name: "larger", Value: "SIZE", Help: "files of more bytes than that; k, M, G or T behind the number count in steps of 1024"},
	{Name: "smaller", Value: "SIZE", Help: "files of fewer bytes than that"},
}

// imageOptions are the options of the verbs that change the images of a file.
var imageOptions = []Option{{Name: "all", Help: "every image of the file, without asking"}}

// verbs is the verb table. It never changes.
var verbs = []*Verb{
	{
		Name: "APPEND",
		Slots: []Slot{
			{Guides: []string{"FILE", "FILE LIST"}, Kind: Source, Many: true},
			{Guides: []string{"TO FILE", "TO"}, Bare: true, Kind: Destination},
		},
		Options: append(slices.Clip(transferOptions), asciiOption),
		Changes: true,
		Job:     true,
		Summary: "add files to the end of another file",
		Help: "Adds the contents of the source files, in the order given, to the end of the destination file, " +
			"which is created if there is none. The files may be at any sites; where the sites allow it " +
			"the data flows between them and not through this host. Each source is appended exactly once, " +
			"also after a failure in the middle.",
		Example: "EXPLAIN APPEND (FILE) PROG1.PL1 (TO FILE) PROG2.PL1\nAPPEND (FILE) PROG1.PL1 (TO FILE) PROG2.PL1",
	},
	{
		Name: "COPY", Aliases: []string{"cp"},
		Slots: []Slot{
			{Guides: []string{"FILE", "FILE LIST"}, Kind: Source, Many: true},
			{Guides: []string{"TO FILE", "TO"}, Bare: true, Kind: Destination, Listed: true},
		},
		Options: copyOptions,
		Changes: true,
		Job:     true,
		Summary: "copy files",
		Help: "Copies the source files to the destination, which is a directory if there are several, or to each " +
			"destination of a list: COPY f TO SITE1:, SITE2: makes images. " +
			"The files may be at any sites; where the sites allow it the data flows between them and " +
			"not through this host. A file that is replaced keeps its old contents until the new ones are whole. " +
			"With --recursive a directory is copied with all that is below it: into the destination if that is a " +
			"directory, else the destination is the copy. Links are left out. With --update what the destination has " +
			"already is not copied again: a file of the same size, modified no earlier. What a site tells no size or time of is copied.",
		Example: "COPY (FILE) PROG1.PL1 (TO FILE) SITE2:OLD.PL1\nCOPY PROG1.PL1, NOTES.TXT TO SITE2:\nCOPY SITE2:*.PL1 TO SITE1:, SITE3:",
	},
	{
		Name: "MOVE", Aliases: []string{"mv"},
		Slots: []Slot{
			{Guides: []string{"FILE", "FILE LIST"}, Kind: Source, Many: true},
			{Guides: []string{"TO FILE", "TO"}, Bare: true, Kind: Destination},
		},
		Options: transferOptions,
		Output:  true,
		Changes: true,
		Job:     true,
		Summary: "move files",
		Help: "Moves the source files to the destination, which is a directory if there are several. Within one " +
			"site a file only gets another name; to another site it is copied, and deleted when the copy is " +
			"complete and its size is right. A file that exists is never overwritten.",
		Example: "MOVE (FILE) SITE3:NOTES.TXT (TO FILE) SITE1:\nMOVE SITE1:NOTES.TXT TO SITE3:",
	},
	{
		Name: "MIRROR",
		Slots: []Slot{
			{Guides: []string{"DIRECTORY"}, Kind: Source},
			{Guides: []string{"TO DIRECTORY", "TO"}, Bare: true, Kind: Destination, Listed: true},
		},
		Options: slices.Concat(transferOptions,
			[]Option{
				{Name: "delete", Help: "also delete at the destination what the source does not have"},
				{Name: "digest", Help: "compare contents by digest, not by time"},
				{Name: "dry-run", Help: "only tell what would be done"},
			},
			replaceOptions, patternOptions("")),
		Output:  true,
		Changes: true,
		Job:     true,
		Summary: "make a directory the same as another one",
		Help: "Makes the destination directory, or each of a list, the same as the source directory, with all that is below " +
			"it: what is new or has changed is copied, and what is the same already is not. Files are the same if they have one size and " +
			"the copy was modified no earlier, or with --digest if their digests agree. A destination that does not exist is made. Links are " +
			"left out. With --delete what the source does not have is deleted at the destination: a list of it is shown first and " +
			"asked about; where nobody can be asked, --yes of rsexec or --dry-run is needed.",
		Example: "MIRROR (DIRECTORY) SITE1: (TO DIRECTORY) SITE3:BACKUP\nMIRROR SITE1: TO SITE3:BACKUP --delete --dry-run",
	},
	{
		Name: "GET", Aliases: []string{"nget", "mget", "recv"},
		Slots: []Slot{
			{Guides: []string{"FILE", "FILE LIST"}, Kind: Source, Many: true},
			{Guides: []string{"TO FILE", "TO"}, Bare: true, Kind: LocalPathname, Optional: true},
		},
		Options: copyOptions,
		Output:  true,
		Changes: true,
		Job:     true,
		Summary: "copy files to this host",
		Help: "Copies files to this host, as COPY does: to the file or the folder after TO, or else into the local " +
			"working directory, which LCD changes. ~ at the beginning of a local name is the home folder.",
		Example: "GET SITE1:PROG1.PL1, SITE2:PROG2.PL1",
	},
	{
		Name: "PUT", Aliases: []string{"nput", "mput", "send"},
		Slots: []Slot{
			{Guides: []string{"FILE", "FILE LIST"}, Kind: LocalPathname, Many: true},
			{Guides: []string{"TO FILE", "TO"}, Bare: true, Kind: Destination, Optional: true},
		},
		Options: copyOptions,
		Output:  true,
		Changes: true,
		Job:     true,
		Summary: "copy files from this host",
		Help: "Copies files of this host, as COPY does: to the pathname after TO, or else into the working " +
			"directory. A relative name starts from the local working directory, which LCD changes; ~ at the " +
			"beginning is the home folder; patterns may be used.",
		Example: "GET SITE1:PROG1.PL1\nPUT PROG1.PL1 TO SITE3:\nPUT PROG?.PL1 TO SITE2:",
	},
	{
		Name:    "EDIT",
		Slots:   []Slot{{Guides: []string{"FILE"}, Kind: Pathname}},
		Output:  true,
		Summary: "edit a file",
		Help: "Fetches a file, runs the editor that VISUAL or EDITOR in the environment names, and puts the file back " +
			"if its contents changed. A file that does not exist is made. If the file at the site changed " +
			"meanwhile it stays as it is, and the edited copy is kept.",
		Example: "EDIT SITE3:NOTES.TXT",
	},
	{
		Name: "RENAME", Aliases: []string{"ren"},
		Slots: []Slot{
			{Guides: []string{"EXISTING FILE"}, Kind: Source},
			{Guides: []string{"TO BE"}, Bare: true, Kind: Destination},
		},
		Options: imageOptions,
		Changes: true,
		Once:    true,
		Summary: "give a file another name",
		Help: "Gives a file another name at the site where it is. Where several sites hold images of it, each " +
			"image is asked about; where nobody can be asked, --all is needed.",
		Example: "RENAME (EXISTING FILE) PROG1.PL1 (TO BE) PROG3.PL1\nRENAME SITE3:NOTES.TXT TO SITE3:OLD.TXT",
	},
	{
		Name: "DELETE", Aliases: []string{"rm", "del"},
		Slots:   []Slot{{Guides: []string{"FILE", "FILE LIST"}, Kind: Pathname, Many: true}},
		Options: imageOptions,
		Changes: true,
		Summary: "delete files",
		Help: "Deletes each file at the site that holds it. Where several sites hold images of it, each image " +
			"is asked about; where nobody can be asked, --all is needed.",
		Example: "DELETE PROG1.PL1\nDELETE SITE2:*.PL1",
	},
	{
		Name: "PROTECT",
		Slots: []Slot{
			{Guides: []string{"FILE", "FILE LIST"}, Kind: Pathname, Many: true},
			{Guides: []string{"TO MODE", "TO"}, Bare: true, Kind: Text},
		},
		Options: imageOptions,
		Changes: true,
		Summary: "set the permissions of files",
		Help: "Sets the mode of each file or directory at the site that holds it (SITE CHMOD): three octal digits, " +
			"for its owner, its group and all others, each the sum of 4 to read, 2 to write and 1 to execute. A digit " +
			"before them is for setuid, setgid and sticky; some servers refuse it or leave it out. Where several sites " +
			"hold images of the file, each image is asked about; where nobody can be asked, --all is needed.",
		Example: "PROTECT PROG1.PL1 TO 640\nPROTECT SITE2:*.PL1 TO 444",
	},
	{
		Name:  "TOUCH",
		Slots: []Slot{{Guides: []string{"FILE", "FILE LIST"}, Kind: Destination, Many: true}},
		Options: append([]Option{
			{Name: "time", Value: "TIME", Help: "2026-11-21T08:00:00Z, or 2026-11-21 or 2026-11-21T08:00 in the time of this host; now if not given"},
		}, imageOptions...),
		Changes: true,
		Summary: "set the modified time of files, or make empty ones",
		Help: "Sets the modified time of each file, to now unless --time says otherwise. A file that does not exist is " +
			"made, empty, in the working directory unless its name says otherwise; one that exists keeps its contents. " +
			"Where several sites hold images of the file, each image is asked about; where nobody can be asked, --all is " +
			"needed. Not every site can set a time.",
		Example: "TOUCH PROG1.PL1 --time=1973-01-15T08:00:00Z\nTOUCH SITE3:NEW.TXT",
	},
	{
		Name: "TYPE", Aliases: []string{"cat"},
		Slots:   []Slot{{Guides: []string{"FILE", "FILE LIST"}, Kind: Source, Many: true}},
		Output:  true,
		Summary: "show the contents of files",
		Help:    "Writes the contents of files to the terminal, or to standard output in a script.",
		Example: "TYPE PROG1.PL1, NOTES.TXT\nTYPE *:*.PL1 > LOCAL:programs",
	},
	{
		Name: "DIRECTORY", Aliases: []string{"ls", "dir", "ndir"},
		Slots: []Slot{{Guides: []string{"OF FILES"}, Kind: Source, Many: true, Optional: true}},
		Options: []Option{
			{Name: "images", Help: "one line for the images of a file, with all their sites"},
		},
		Output:  true,
		Summary: "list files",
		Help: "Lists the files named, and what is in the directories named. A name that stands for several " +
			"directories lists all of them as one, with the site of each entry. Without a pathname it lists " +
			"the working directory, or the composite directory if there is none.",
		Example: "DIRECTORY\nDIRECTORY SITE1:, *:*.TXT\nDIRECTORY --images",
	},
	{
		Name:    "FIND",
		Slots:   []Slot{{Guides: []string{"FILES"}, Kind: Source, Many: true}},
		Options: filterOptions,
		Output:  true,
		Summary: "find files at one, several or all sites",
		Help: "Prints the complete pathname of all that the patterns match, at every site that they may mean. " +
			"* and ? match within a name, [...] one of the characters, ** any directories, {a,b} either text; " +
			"*: before a path is every site. A directory stands for all that is below it. " +
			"The options leave some of it, or nothing, which is no error. What a site tells no time of is neither older nor newer, " +
			"what it tells no size of neither larger nor smaller; a time without a zone is taken as UTC.",
		Example: "FIND *:/**/*.PL1\nFIND SITE1:, SITE2: --type=file --newer=7d --smaller=10k",
	},
	{
		Name: "COUNT", Aliases: []string{"du"},
		Slots:   []Slot{{Guides: []string{"FILES"}, Kind: Source, Many: true, Optional: true}},
		Options: filterOptions,
		Output:  true,
		Summary: "count files, directories and bytes",
		Help: "Counts what FIND prints for the same name or pattern and options: a directory stands for all below it, and a/** is " +
			"all below a. Each operand has a line, and several have a total. Links are not counted, and not followed. What " +
			"a site names without a type is counted as a file, and files without a known size are told apart. Without " +
			"a pathname it counts the working directory, or the composite directory if there is none.",
		Example: "COUNT\nCOUNT SITE1:, *:/**/*.TXT",
	},
	{
		Name: "CREATE", Aliases: []string{"mkdir"},
		Slots:   []Slot{{Guides: []string{"DIRECTORY"}, Kind: Destination}},
		Changes: true,
		Summary: "make a directory",
		Help:    "Makes a directory, in the working directory unless its name says otherwise.",
		Example: "CREATE (DIRECTORY) SITE3:OLD\nMOVE SITE3:NOTES.TXT TO SITE3:OLD",
	},
	{
		Name: "REMOVE", Aliases: []string{"rmdir"},
		Slots:   []Slot{{Guides: []string{"DIRECTORY"}, Kind: Pathname}},
		Options: []Option{{Name: "recursive", Help: "with all that is in it"}},
		Changes: true,
		Summary: "remove a directory",
		Help:    "Removes an empty directory; with --recursive also one that is not empty.",
		Example: "CREATE SITE3:OLD\nCOPY *:*.PL1 TO SITE3:OLD\nREMOVE SITE3:OLD --recursive",
	},
	{
		Name:    "COMPARE",
		Slots:   []Slot{{Guides: []string{"FILE", "FILE LIST", "FILES"}, Kind: Source, Many: true}},
		Output:  true,
		Summary: "tell which images of a file differ",
		Help: "Compares files by size, and by digest where their sites know a common one, else by reading them. " +
			"One name stands for all the images of a file.",
		Example: "COPY PROG1.PL1 TO SITE2:, SITE3:\nCOMPARE PROG1.PL1",
	},
	{
		Name:  "DIGEST",
		Slots: []Slot{{Guides: []string{"OF FILES", "OF FILE"}, Kind: Source, Many: true}},
		Options: []Option{
			{
				Name: "algorithm",
				Choices: []Choice{
					{"sha256", "SHA-256, the default"}, {"sha512", "SHA-512"}, {"sha1", "SHA-1"}, {"md5", "MD5"}, {"crc32", "CRC-32"},
				},
				Help: "how it is computed",
			},
		},
		Output:  true,
		Summary: "print the digest of files",
		Help: "Prints the digest of each file: computed by the site where it has a command for that algorithm, else " +
			"read and computed at this host. Each line says which.",
		Example: "DIGEST PROG1.PL1\nDIGEST SITE2:*.PL1 --algorithm=md5",
	},
	{
		Name: "CONNECT", Aliases: []string{"cd"},
		Slots:   []Slot{{Guides: []string{"TO DIRECTORY", "TO SITE", "TO"}, Bare: true, Kind: Source}},
		Summary: "change the working directory",
		Help: "Makes a directory, or the home directory of a site, the working directory, where partial names " +
			"are looked up first.",
		Example: "CONNECT (TO SITE) SITE1:\nTYPE PROG1.PL1",
	},
	{
		Name:    "PWD",
		Output:  true,
		Summary: "print the working directory",
		Help:    "Prints the complete pathname of the working directory.",
		Example: "CONNECT SITE2:\nPWD",
	},
	{
		Name:    "LCD",
		Slots:   []Slot{{Guides: []string{"TO FOLDER", "TO"}, Bare: true, Kind: LocalPathname, Optional: true}},
		Output:  true,
		Summary: "change the local working directory, or print it",
		Help: "Makes a folder of this host the local working directory, where GET, PUT and the relative names of LOCAL: " +
			"start from. Without a folder it prints which one that is.",
		Example: "LCD ..\nLCD",
	},
	{
		Name: "BIND",
		Slots: []Slot{
			{Guides: []string{"DEVICE"}, Kind: LogicalName},
			{Guides: []string{"TO DIRECTORY", "TO"}, Bare: true, Kind: Source},
		},
		Summary: "give a directory a device name",
		Help: "Makes a device name stand for one directory, which must exist. It is a logical name: DEFINE lists it, and " +
			"UNDEFINE drops it.",
		Example: "BIND (DEVICE) SRC: (TO DIRECTORY) SITE1:/\nTYPE SRC:PROG1.PL1",
	},
	{
		Name: "DEFINE",
		Slots: []Slot{
			{Guides: []string{"LOGICAL NAME"}, Kind: LogicalName, Optional: true},
			{Guides: []string{"AS"}, Bare: true, Kind: Source, Many: true, Optional: true},
		},
		Output:  true,
		Summary: "define a logical name, or list them",
		Help: "Makes a logical name stand for a list of directories, which are searched in that order: " +
			"DEFINE SYS: SITE1:/sys, SITE2:/sys. DSK: is the composite directory, where partial names are looked up. " +
			"The name holds until the shell ends; the profile keeps names for good.",
		Example: "DEFINE (LOGICAL NAME) SRC: (AS) SITE1:, SITE2:\nDIRECTORY SRC:*.PL1\nDEFINE",
	},
	{
		Name:    "UNDEFINE",
		Slots:   []Slot{{Guides: []string{"LOGICAL NAME"}, Kind: LogicalName}},
		Summary: "drop a logical name",
		Help:    "Drops a logical name until the shell ends.",
		Example: "DEFINE SRC: SITE1:, SITE2:\nUNDEFINE SRC:",
	},
	{
		Name:    "WHERE",
		Slots:   []Slot{{Guides: []string{"IS FILE"}, Kind: Pathname}},
		Output:  true,
		Summary: "tell which sites hold a file",
		Help: "Looks a name up at every directory where it could be, and tells the complete pathname of each " +
			"file found, and which sites could not be asked.",
		Example: "WHERE (IS FILE) PROG2.PL1",
	},
	{
		Name:    "EXPLAIN",
		Slots:   []Slot{{Guides: []string{"COMMAND"}, Kind: Command}},
		Output:  true,
		Summary: "tell what a statement would do, without doing it",
		Help: "Resolves the names in a statement, chooses a route, and prints the commands that each control " +
			"connection would carry, side by side. Nothing is changed at any site.",
		Example: "EXPLAIN (COMMAND) COPY PROG1.PL1 TO SITE3:\nEXPLAIN APPEND PROG1.PL1 TO PROG2.PL1 --choreography=rfc438",
	},
	{
		Name:    "TRACE",
		Slots:   []Slot{{Guides: []string{"COMMAND"}, Kind: Command}},
		Output:  true,
		Summary: "do a statement and show the control dialogues",
		Help: "Does a statement, and prints the commands and replies of each control connection side by side, " +
			"with their times.",
		Example: "TRACE (COMMAND) APPEND PROG1.PL1 TO PROG2.PL1",
	},
	{
		Name:  "JOBS",
		Slots: []Slot{{Guides: []string{"NUMBER"}, Kind: JobNumber, Optional: true}},
		Options: []Option{
			{Name: "all", Help: "those that are done too"},
			{Name: "script", Help: "print statements that do just what failed or is still to be done"},
		},
		Output:  true,
		Summary: "list the jobs",
		Help: "Lists the jobs that are not done, or the one of that number: those that run, and those that were stopped, failed in " +
			"part, or were left when a shell ended. Each statement that moves files is a job. What --script prints can be " +
			"kept in a file and performed with TAKE.",
		Example: "COPY PROG1.PL1 TO SITE2:, SITE3: &\nJOBS\nJOBS --all",
	},
	{
		Name:    "WAIT",
		Slots:   []Slot{{Guides: []string{"FOR JOB"}, Kind: JobNumber, Optional: true}},
		Summary: "wait for jobs in the background",
		Help: "Waits for the end of the job of that number, or of all jobs that run in the background. A statement that ends " +
			"with & between blanks runs there: the next one is performed at once.",
		Example: "COPY SITE1:PROG1.PL1 TO SITE3: &\nWAIT\nTYPE SITE3:PROG1.PL1",
	},
	{
		Name:    "CANCEL",
		Slots:   []Slot{{Guides: []string{"JOB"}, Kind: JobNumber}},
		Summary: "stop a job",
		Help: "Stops a job that runs. Files that are transferred already stay, and RESUME can go on with the others. A job that " +
			"has ended is left as it is.",
		Example: "COPY PROG1.PL1 TO SITE3: &\nCANCEL (JOB) 1",
	},
	{
		Name:    "RESUME",
		Slots:   []Slot{{Guides: []string{"JOB"}, Kind: JobNumber, All: true, Optional: true}},
		Changes: true,
		Job:     true,
		Summary: "go on with a job",
		Help: "Goes on with a job that was stopped, failed in part, or was left when a shell ended: with the last such job if there " +
			"is no number, with ALL one after the other. What is done is not done again.",
		Example: "RESUME (JOB) ALL &\nJOBS",
	},
	{
		Name:    "FORGET",
		Slots:   []Slot{{Guides: []string{"JOB"}, Kind: JobNumber, All: true}},
		Changes: true,
		Summary: "drop a job that is not to be finished",
		Help: "Drops the job of that number, or with ALL every job that does not run, so that RESUME does not go on with it; and " +
			"removes the unfinished files that it left at the destinations.",
		Example: "FORGET (JOB) ALL",
	},
	{
		Name: "SITE",
		Slots: []Slot{
			{Guides: []string{"ACTION"}, Kind: ActionName, Actions: []Action{
				{"ADD", 2, "add a site, to the profile as well"},
				{"REMOVE", 1, "remove a site"},
				{"SHOW", 1, "print the URL of a site without its password"},
				{"TEST", 1, "ask a site for an answer"},
			}},
			{Guides: []string{"NAME"}, Kind: SiteName},
			{Guides: []string{"URL"}, Kind: URL},
		},
		Output:  true,
		Summary: "add, remove, show or test a site",
		Help: "SITE ADD name URL adds a site, to the profile as well; SITE REMOVE name removes it; SITE SHOW name prints " +
			"its URL without the password; SITE TEST name asks it for an answer.",
		Example: "SITE ADD SITE4 ftp://ann@ftp.example/pub?timeout=30s\nSITE SHOW SITE4\nSITE REMOVE SITE4\nSITE TEST SITE1",
	},
	{
		Name: "SITES", Aliases: []string{"srvlist"},
		Output:  true,
		Summary: "list the sites",
		Help:    "Lists the sites that are known, whether each is up, and what it can do.",
		Example: "SITES",
	},
	{
		Name: "ROUTES",
		Slots: []Slot{
			{Guides: []string{"FROM"}, Kind: SiteName, Optional: true},
			{Guides: []string{"TO"}, Bare: true, Kind: SiteName, Optional: true},
		},
		Options: []Option{
			{Name: "why", Help: "tell also what was decided for the transfers of many files, when and why"},
			{Name: "forget", Help: "drop what is known, so that it is tried again"},
		},
		Output:  true,
		Summary: "tell which ways between sites work",
		Help: "Lists what is known of the ways from site to site: which choreography worked, and which one was refused, when " +
			"and why. A way that was refused is not tried again for a day. With --forget it is tried again at once, as after a " +
			"change in the settings of a server. With --why it lists also how many pairs of sessions were found to help when " +
			"many files were copied, and whether small files share them.",
		Example: "APPEND PROG1.PL1 TO PROG2.PL1\nROUTES SITE1 TO SITE2 --why\nROUTES --forget",
	},
	{
		Name: "SET",
		Slots: []Slot{
			{Guides: []string{"VARIABLE"}, Kind: VariableName, Optional: true},
			{Guides: []string{"TO"}, Bare: true, Kind: Text, Optional: true},
		},
		Output:  true,
		Summary: "give a variable a value, or list the variables",
		Help: "Gives a variable a value, which stands wherever $name or ${name} is written; in single quotes a dollar sign " +
			"is only that. A value is one word, with the quotes it was written with. ${f.site}, ${f.path}, ${f.dir} and " +
			"${f.name} are pieces of a pathname. A script has its arguments in $1, $2, ... and $@, their count in $#, and " +
			"in $? the exit status of the statement before.",
		Example: "SET f SITE1:/PROG1.PL1\nTYPE $f\nECHO ${f.name} is at ${f.site}",
	},
	{
		Name:    "ECHO",
		Slots:   []Slot{{Guides: []string{"WORDS"}, Kind: Text, Many: true, Optional: true}},
		Output:  true,
		Summary: "print words",
		Help:    "Prints its words with a blank between them.",
		Example: "ECHO hello\nECHO 'a  b' > SITE3:NEW.TXT",
	},
	{
		Name:    verbIf,
		Slots:   []Slot{{Guides: []string{"CONDITION"}, Kind: ConditionWords, Many: true}},
		Block:   OpensBlock,
		Summary: "perform statements if something holds",
		Help: "Performs the statements up to END, or up to ELSE and those behind it otherwise. EXISTS name holds if some site has " +
			"such a file or directory, and fails if a site that may have it cannot be asked; a = b and a != b compare " +
			"words; NOT turns the answer round.",
		Example: "IF EXISTS SITE1:/PROG1.PL1\n    TYPE SITE1:/PROG1.PL1\nELSE\n    ECHO it is gone\nEND",
	},
	{
		Name:    verbElse,
		Block:   DividesBlock,
		Summary: "divide the statements of an IF",
		Help:    "Stands before the statements that are performed if the condition of an IF does not hold.",
		Example: "IF a = b ; ECHO same ; ELSE ; ECHO different ; END",
	},
	{
		Name: "FOREACH",
		Slots: []Slot{
			{Guides: []string{"VARIABLE"}, Kind: VariableName},
			{Guides: []string{"IN"}, Bare: true, Kind: Source, Many: true},
		},
		Options: append(slices.Clip(filterOptions), Option{Name: "parallel", Value: "N", Help: "so many at the same time"}),
		Block:   OpensBlock,
		Summary: "perform statements for each of several files or words",
		Help: "Performs the statements up to END once for each file that the patterns match, at every site that they may mean; " +
			"the variable holds its complete pathname. A word that is no pattern is taken as it is. With --type, --older, " +
			"--newer, --larger or --smaller it is done for what FIND prints with the same words and options, which may be nothing; a file is left " +
			"alone if its site does not tell the time or the size that is asked about. Where a site cannot be asked nothing is performed, or after ON ERROR CONTINUE what " +
			"there is to do at the others. With --parallel the " +
			"statements are performed for so many files at once, and a failure does not keep the others from being done.",
		Example: "FOREACH f IN *:/*.PL1\n    ECHO ${f.name} at ${f.site}\nEND",
	},
	{
		Name:    "PARALLEL",
		Slots:   []Slot{{Guides: []string{"AT ONCE"}, Kind: Number, Optional: true}},
		Block:   OpensBlock,
		Summary: "perform statements at the same time",
		Help: "Performs the statements up to END at the same time, at most so many at once if a number is given, and waits for all. " +
			"Each has the variables and the working directory as they were before, and what it sets is its own. Every failure " +
			"is reported, and does not keep the others from being done.",
		Example: "PARALLEL 2\n    COPY SITE1:/PROG1.PL1 TO SITE2:/\n    COPY SITE1:/PROG1.PL1 TO SITE3:/\nEND",
	},
	{
		Name:    verbEnd,
		Block:   EndsBlock,
		Summary: "end the statements of an IF, a FOREACH or a PARALLEL",
		Help:    "Stands behind the statements of an IF, a FOREACH or a PARALLEL.",
		Example: "FOREACH s IN SITE1: SITE2: ; DIRECTORY $s ; END",
	},
	{
		Name: "ON",
		Slots: []Slot{
			{Guides: []string{"ERROR"}, Bare: true, Kind: ActionName, Actions: []Action{
				{"CONTINUE", 0, "report a failure and go on"},
				{"STOP", 0, "report a failure and end the script; so it is at first"},
				{"RETRY", 1, "try again, at most so many times, then stop"},
			}},
			{Guides: []string{"TIMES"}, Kind: Number},
		},
		Summary: "say what a script does when a statement fails",
		Help: "ON ERROR says what happens when a statement fails, from there to the end of the script. RETRY performs a statement again " +
			"where that can help: where a site could not be reached, was busy or refused for the moment, with a growing pause. " +
			"A job that was begun is gone on with, so that what is done is not done twice. The exit status is that of the first failure in any case.",
		Example: "ON ERROR CONTINUE\nTYPE SITE1:/NONE.TXT\nECHO it ended with status $?\nQUIT 0",
	},
	{
		Name: "TAKE",
		Slots: []Slot{
			{Guides: []string{"COMMANDS FROM"}, Kind: LocalPathname},
			{Guides: []string{"ARGUMENTS"}, Kind: Text, Many: true, Optional: true},
		},
		Output:  true,
		Once:    true,
		Summary: "perform a script",
		Help: "Performs the statements of a script at this host, with the arguments given, in this shell: variables and the working " +
			"directory stay as it leaves them.",
		Example: "ECHO 'ECHO hello $1' > LOCAL:greeting\nTAKE greeting you",
	},
	{
		Name: "QUOTE",
		Slots: []Slot{
			{Guides: []string{"SITE"}, Kind: SiteName},
			{Guides: []string{"COMMAND"}, Kind: Text, Many: true},
		},
		Output:  true,
		Changes: true,
		Once:    true,
		Summary: "send one command to a site as it stands",
		Help: "Sends the words, joined by one blank each, as one command to the site, and prints the reply as it came. " +
			"What holds commas or several blanks is quoted. The command has a session of its own, which ends with it: " +
			"it changes neither directory nor parameters of any other. A refusal is an error. A command that needs a data " +
			"connection, such as RETR, is not sent.",
		Example: "QUOTE SITE1 FEAT\nQUOTE SITE1 SITE HELP",
	},
	{
		Name:    "HISTORY",
		Slots:   []Slot{{Guides: []string{"LINES"}, Kind: Number, Optional: true}},
		Output:  true,
		Summary: "print the lines that were typed",
		Help:    "Prints the lines typed in this shell and before, numbered; with a number only that many of the last ones.",
		Example: "HISTORY 5",
	},
	{
		Name: "HELP", Aliases: []string{"?"},
		Slots:   []Slot{{Guides: []string{"WITH"}, Kind: VerbName, Optional: true}},
		Output:  true,
		Summary: "explain a verb, or list the verbs",
		Help:    "Explains a verb: its form, its options and what it does. Without a verb it lists all of them.",
		Example: "HELP\nHELP (WITH) COPY",
	},
	{
		Name: "QUIT", Aliases: []string{"exit", "bye"},
		Slots:   []Slot{{Guides: []string{"STATUS"}, Kind: Number, Optional: true}},
		Summary: "leave",
		Help:    "Ends the control connections and leaves the shell, with an exit status from 0 to 255, or else 0.",
		Example: "IF NOT EXISTS SITE1:PROG1.PL1\n    QUIT 1\nEND\nQUIT",
	},
}
