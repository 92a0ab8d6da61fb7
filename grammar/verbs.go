package grammar

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
}

// verbs is the verb table. It never changes.
var verbs = []*Verb{
	{
		Name: "APPEND",
		Slots: []Slot{
			{Guides: []string{"FILE", "FILE LIST"}, Kind: Source, Many: true},
			{Guides: []string{"TO FILE", "TO"}, Kind: Destination},
		},
		Options: transferOptions,
		Summary: "add files to the end of another file",
		Help: "Adds the contents of the source files, in the order given, to the end of the destination file, " +
			"which is created if there is none. The files may be at any sites; where the sites allow it " +
			"the data flows between them and not through this host. Each source is appended exactly once, " +
			"also after a failure in the middle.",
	},
	{
		Name: "COPY", Aliases: []string{"cp"},
		Slots: []Slot{
			{Guides: []string{"FILE", "FILE LIST"}, Kind: Source, Many: true},
			{Guides: []string{"TO FILE", "TO"}, Kind: Destination},
		},
		Options: transferOptions,
		Summary: "copy files",
		Help: "Copies the source files to the destination, which is a directory if there are several. " +
			"The files may be at any sites; where the sites allow it the data flows between them and " +
			"not through this host. A file that is replaced keeps its old contents until the new ones are whole.",
	},
	{
		Name: "RENAME", Aliases: []string{"mv"},
		Slots: []Slot{
			{Guides: []string{"EXISTING FILE"}, Kind: Source},
			{Guides: []string{"TO BE"}, Kind: Destination},
		},
		Summary: "give a file another name",
		Help:    "Gives a file another name at the site where it is.",
	},
	{
		Name: "DELETE", Aliases: []string{"rm", "del"},
		Slots:   []Slot{{Guides: []string{"FILE"}, Kind: Pathname}},
		Summary: "delete a file",
		Help:    "Deletes a file at the site that holds it.",
	},
	{
		Name: "TYPE", Aliases: []string{"cat"},
		Slots:   []Slot{{Guides: []string{"FILE"}, Kind: Source}},
		Summary: "show the contents of a file",
		Help:    "Writes the contents of a file to the terminal, or to standard output in a script.",
	},
	{
		Name: "DIRECTORY", Aliases: []string{"ls", "dir"},
		Slots:   []Slot{{Guides: []string{"OF FILES"}, Kind: Source, Many: true, Optional: true}},
		Summary: "list files",
		Help: "Lists the files named, and what is in the directories named. Without a pathname it lists " +
			"the working directory.",
	},
	{
		Name:    "WHERE",
		Slots:   []Slot{{Guides: []string{"IS FILE"}, Kind: Pathname}},
		Summary: "tell which sites hold a file",
		Help: "Looks a name up at every directory where it could be, and tells the complete pathname of each " +
			"file found, and which sites could not be asked.",
	},
	{
		Name:    "EXPLAIN",
		Slots:   []Slot{{Guides: []string{"COMMAND"}, Kind: Command}},
		Summary: "tell what a statement would do, without doing it",
		Help: "Resolves the names in a statement, chooses a route, and prints the commands that each control " +
			"connection would carry, side by side. Nothing is changed at any site.",
	},
	{
		Name:    "TRACE",
		Slots:   []Slot{{Guides: []string{"COMMAND"}, Kind: Command}},
		Summary: "do a statement and show the control dialogues",
		Help: "Does a statement, and prints the commands and replies of each control connection side by side, " +
			"with their times.",
	},
	{
		Name:    "SITES",
		Summary: "list the sites",
		Help:    "Lists the sites that are known, whether each is up, and what it can do.",
	},
	{
		Name: "HELP", Aliases: []string{"?"},
		Slots:   []Slot{{Guides: []string{"WITH"}, Kind: VerbName, Optional: true}},
		Summary: "explain a verb, or list the verbs",
		Help:    "Explains a verb: its form, its options and what it does. Without a verb it lists all of them.",
	},
	{
		Name: "QUIT", Aliases: []string{"exit", "bye"},
		Summary: "leave",
		Help:    "Ends the control connections and leaves the shell.",
	},
}
