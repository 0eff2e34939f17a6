package adminapi

import "time"

// The requests and answers, as JSON has them. Addresses and matricules are
// texts; the server parses them.

// A Name is a request about one mailbox: its address, or the matricule of a
// patient of this hub.
type Name struct {
	Address string `json:"address"`
}

// A Patient is a request to enrol one.
type Patient struct {
	Matricule  string `json:"matricule"`
	BirthName  string `json:"birth_name"`
	FirstNames string `json:"first_names"`
	BirthDate  string `json:"birth_date,omitempty"` // YYYYMMDD
	Sex        string `json:"sex,omitempty"`        // M or F
	BirthPlace string `json:"birth_place,omitempty"`
	Minor      bool   `json:"minor,omitempty"`
}

// A BAL is a request to make the mailbox of a professional, an organisation or
// a software, and what is public of one.
type BAL struct {
	Kind          string `json:"kind"` // PER, ORG, APP or CAB
	Address       string `json:"address"`
	Name          string `json:"name"`
	RPPS          string `json:"rpps,omitempty"`
	Profession    string `json:"profession,omitempty"`
	Establishment string `json:"establishment,omitempty"` // FINESS
	Organisation  string `json:"organisation,omitempty"`
	Unlisted      bool   `json:"unlisted,omitempty"`
}

// A Description is what an operator may know of a mailbox.
type Description struct {
	BAL
	Created time.Time `json:"created"`
	Space   *Space    `json:"space,omitempty"` // of a patient

	RefusedPerHour int `json:"refused_per_hour,omitempty"` // zero: the hub's own limit
	RefusedPerDay  int `json:"refused_per_day,omitempty"`

	Bytes    int64  `json:"bytes"`
	Messages uint32 `json:"messages"`
	Devices  int    `json:"devices"`
	Trail    uint64 `json:"trail"` // entries
}

// An Allowance is a request to raise how many refused recipients a sender may
// name before it is slowed down; zero is the hub's own limit again.
type Allowance struct {
	Address string `json:"address"`
	PerHour int    `json:"per_hour"`
	PerDay  int    `json:"per_day"`
}

// A Membership is a request to let a professional share the mailbox of an
// organisation or a practice, or not any more.
type Membership struct {
	Address string `json:"address"`
	Member  string `json:"member"` // the address of their own mailbox
}

// A Member is somebody who shares a mailbox.
type Member struct {
	Name    string    `json:"name"`
	Address string    `json:"address"`
	Since   time.Time `json:"since"`
}

// A Space is where a patient's space is in its life.
type Space struct {
	Matricule string    `json:"matricule"`
	State     string    `json:"state"`
	Since     time.Time `json:"since"`
	Minor     bool      `json:"minor"`
	Told      time.Time `json:"told,omitzero"`  // its owner, that there is a space; of one that waits
	Opens     time.Time `json:"opens,omitzero"` // by itself, unless they object
}

// A Block is a request to bar a professional, or to let them in again.
type Block struct {
	Address      string `json:"address"`
	Professional string `json:"professional"`
}

// A Device is a request about an application password.
type Device struct {
	Address string `json:"address"`
	Device  string `json:"device"` // its name; to revoke, or its ID
}

// A Secret is an application password, shown once.
type Secret struct {
	Login    string `json:"login"`
	Device   string `json:"device"`
	Password string `json:"password"`
}

// A Password is one without its secret.
type Password struct {
	ID      string    `json:"id"`
	Device  string    `json:"device"`
	Created time.Time `json:"created"`
}

// A Route is a request to explain whether a mail may go.
type Route struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// An Explanation is why it may or may not.
type Explanation struct {
	Allow bool   `json:"allow"`
	Rule  string `json:"rule"`
	FR    string `json:"fr"`
	EN    string `json:"en"`
}

// A Process is what the running program says of itself.
type Process struct {
	Version      string              `json:"version"`
	Installation string              `json:"installation"`
	Started      time.Time           `json:"started"`
	Ports        map[string][]string `json:"ports"` // by key of the configuration
	Certificate  time.Time           `json:"certificate_expires"`
	TestMode     bool                `json:"test_mode"`
}

// A Status is figures of the hub, and no names.
type Status struct {
	Process
	Sealed    bool           `json:"sealed"`
	Mailboxes map[string]int `json:"mailboxes"` // by kind
	Spaces    map[string]int `json:"spaces"`    // by state
	Messages  int            `json:"messages"`
	Bytes     int64          `json:"bytes"`
	Waiting   int            `json:"waiting"` // partitions with answers to carry
	Trail     uint64         `json:"trail"`   // entries
}

// A Report is what a verification went through. It found nothing wrong where
// Findings is empty.
type Report struct {
	Partitions int       `json:"partitions"`
	Entries    int       `json:"entries"`
	Messages   int       `json:"messages,omitempty"`
	Documents  int       `json:"documents,omitempty"`
	Objects    int       `json:"objects,omitempty"`
	Findings   []Finding `json:"findings"`
}

// A Finding is something wrong, in a partition whose name says nothing.
type Finding struct {
	Partition string `json:"partition"`
	What      string `json:"what"`
}

// A Folder is a request to write into a new folder of the server.
type Folder struct {
	Folder string `json:"folder"` // absolute
}

// A Backup is what was written.
type Backup struct {
	Folder string `json:"folder"`
	Blobs  int    `json:"blobs"`
	Bytes  int64  `json:"bytes"` // of blobs and store
}

// An Export is a request to re-wrap the documents of a patient for a key they
// hold.
type Export struct {
	Address string `json:"address"`
	Key     string `json:"key"` // OpenPGP public key, armored
}

// Nothing is a request or an answer without content.
type Nothing struct{}
