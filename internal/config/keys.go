package config

import "time"

// A key is one row of the table: the name in the file, what it means, and
// where in a Config its value goes and what it may be.
type key struct {
	name  string // table and key, joined by a dot
	doc   string
	value func(*Config) value
}

const (
	kb = 1 << 10
	mb = 1 << 20
	gb = 1 << 30

	day = 24 * time.Hour
)

// keys is every key there is, in the order of the file.
var keys = []key{
	{"installation", "Written by init, here and into the store: serve refuses a store that does not carry this mark, so that it never starts empty by mistake.",
		func(c *Config) value { return textValue{at: &c.Installation, check: isInstallation, needed: true} }},
	{"domain", "The name of this hub: in greetings, receipts and notices.",
		func(c *Config) value { return textValue{at: &c.Domain, check: isDomain, needed: true} }},
	{"patient_domain", "The domain of the patients' addresses, MATRICULE@patient_domain.",
		func(c *Config) value { return textValue{at: &c.PatientDomain, check: isDomain, needed: true} }},
	{"test_mode", "Accept invented matricules. Never on a hub that real people use.",
		func(c *Config) value { return boolValue{at: &c.TestMode} }},

	{"product", "The reference of this software at the ANS (NIL), which mails written in the portal bear as X-MSS-NIL.",
		func(c *Config) value {
			return textValue{at: &c.Product, otherwise: "VAGUEMESTRE", check: isReference}
		}},
	{"time_zone", "In which people are told times: in notices and in the history of accesses.",
		func(c *Config) value {
			return textValue{at: &c.TimeZone, otherwise: "Europe/Paris", check: isTimeZone}
		}},
	{"operators", "The folder of those who may use the administrator's verbs: one file for each name, with the hash of a token.",
		func(c *Config) value { return pathValue{at: &c.Operators, otherwise: "operators"} }},

	{"checkpoints", "The file that notes every minute, signed, how far each trail has come: it shows a trail that was cut or put back. Better on another disk, or copied away.",
		func(c *Config) value { return pathValue{at: &c.Checkpoints, otherwise: "checkpoints.jsonl"} }},

	{"listen.smtps", "Submission of mail with TLS from the first byte (RFC 8314); the standard port is 465. Lists of \"host:port\"; an empty list is off.",
		func(c *Config) value { return addressesValue{at: &c.Listen.SMTPS} }},
	{"listen.submission", "Submission of mail with STARTTLS; the standard port is 587.",
		func(c *Config) value { return addressesValue{at: &c.Listen.Submission} }},
	{"listen.imaps", "IMAP with TLS from the first byte; the standard port is 993.",
		func(c *Config) value { return addressesValue{at: &c.Listen.IMAPS} }},
	{"listen.imap", "IMAP with STARTTLS; the standard port is 143.",
		func(c *Config) value { return addressesValue{at: &c.Listen.IMAP} }},
	{"listen.https", "The API of documents (FHIR) and its logins, over HTTPS; the standard port is 443.",
		func(c *Config) value { return addressesValue{at: &c.Listen.HTTPS} }},
	{"listen.metrics", "Counters for Prometheus, over plain HTTP at /metrics. Loopback only; empty is off.",
		func(c *Config) value { return textValue{at: &c.Listen.Metrics, check: isLoopback} }},
	{"listen.admin", "The unix socket of the administrator's verbs. Whoever may open it is an administrator.",
		func(c *Config) value {
			return pathValue{at: &c.Listen.Admin, otherwise: "admin.sock", check: isSocketPath}
		}},

	{"tls.certificate", "PEM file of the server's certificate and those above it. SIGHUP reads both files again.",
		func(c *Config) value { return pathValue{at: &c.TLS.Certificate, needed: true} }},
	{"tls.key", "PEM file of its private key.",
		func(c *Config) value { return pathValue{at: &c.TLS.Key, needed: true} }},

	{"keys.hub", "The hub key. Whoever has it, the erasure secrets and the data reads everything: keep it apart from both the data and its backups. `serve --sealed` runs without. \"credential:NAME\" reads it from systemd.",
		func(c *Config) value { return pathValue{at: &c.Keys.Hub, needed: true} }},
	{"keys.rights", "The certificate that verifies rights: who may see what is signed. Keep it where whoever keeps the store cannot write; `serve --sealed` goes by it.",
		func(c *Config) value { return pathValue{at: &c.Keys.Rights} }},
	{"keys.index", "The index key: without it no mailbox is found.",
		func(c *Config) value { return pathValue{at: &c.Keys.Index, needed: true} }},
	{"keys.erasure", "The erasure secrets, one file or several equal ones on different disks. Never restore an old copy of them: that would bring back the erased.",
		func(c *Config) value { return pathsValue{at: &c.Keys.Erasure, needed: true} }},
	{"keys.escrow", "The certificate of the audit escrow, who can read every trail. Its private half belongs offline.",
		func(c *Config) value { return pathValue{at: &c.Keys.Escrow, needed: true} }},

	{"store.sqlite", "The records in one file. Either this or store.postgres.",
		func(c *Config) value { return pathValue{at: &c.Store.SQLite} }},
	{"store.postgres", "The records in PostgreSQL: a connection string, or \"file:PATH\" or \"env:NAME\" to read it from there.",
		func(c *Config) value { return secretValue{at: &c.Store.Postgres} }},
	{"blobs.dir", "The folder of the large sealed objects. It belongs to the store: back up both with the verb backup.",
		func(c *Config) value { return pathValue{at: &c.Blobs, needed: true} }},
	{"bus.redis", "Where several hub processes wake each other: a Redis URL, or \"file:PATH\" or \"env:NAME\". Empty: there is one process.",
		func(c *Config) value { return secretValue{at: &c.Redis} }},

	{"limits.mail", "The largest mail.",
		func(c *Config) value { return sizeValue{&c.Limits.Mail, 50 * mb, 64 * kb, 500 * mb} }},
	{"limits.patient_mail", "The largest mail with a patient among its recipients.",
		func(c *Config) value { return sizeValue{&c.Limits.PatientMail, 25 * mb, 64 * kb, 500 * mb} }},
	{"limits.quota", "The room of one mailbox.",
		func(c *Config) value { return sizeValue{&c.Limits.Quota, 4 * gb, 1 * mb, 1024 * gb} }},
	{"limits.recipients", "Recipients of one mail.",
		func(c *Config) value { return intValue{&c.Limits.Recipients, 100, 1, 10_000} }},
	{"limits.connections", "Connections to one port.",
		func(c *Config) value { return intValue{&c.Limits.Connections, 10_000, 1, 1_000_000} }},
	{"limits.connections_per_address", "Connections to one port from one IPv4 address or one IPv6 /64.",
		func(c *Config) value { return intValue{&c.Limits.ConnectionsPerAddress, 2000, 1, 1_000_000} }},
	{"limits.sessions", "IMAP sessions of one account.",
		func(c *Config) value { return intValue{&c.Limits.Sessions, 32, 1, 10_000} }},
	{"limits.login_failures", "Failed logins of one account in a quarter of an hour, before it has to wait; five times that for one address.",
		func(c *Config) value { return intValue{&c.Limits.LoginFailures, 20, 1, 10_000} }},
	{"limits.login_failures_per_connection", "Failed logins before the connection is closed.",
		func(c *Config) value { return intValue{&c.Limits.LoginFailuresPerConnection, 5, 1, 100} }},
	{"limits.smtp_errors", "Refused SMTP commands before the connection is closed.",
		func(c *Config) value { return intValue{&c.Limits.SMTPErrors, 100, 1, 10_000} }},
	{"limits.refused_per_hour", "A sender who tries addresses out is slowed down: above this many refused recipients in an hour…",
		func(c *Config) value { return intValue{&c.Limits.RefusedPerHour, 20, 1, 1_000_000} }},
	{"limits.refused_per_day", "…or in a day…",
		func(c *Config) value { return intValue{&c.Limits.RefusedPerDay, 100, 1, 1_000_000} }},
	{"limits.refused_share", "…if they are also more than this percentage of all.",
		func(c *Config) value { return intValue{&c.Limits.RefusedShare, 20, 1, 100} }},
	{"limits.records_per_hour", "Records of different patients that one professional opens in an hour, before they are stopped and told why.",
		func(c *Config) value { return intValue{&c.Limits.RecordsPerHour, 200, 1, 1_000_000} }},
	{"limits.break_glass", "How long an emergency access lasts.",
		func(c *Config) value {
			return durationValue{&c.Limits.Glass, 2 * time.Hour, time.Minute, 24 * time.Hour}
		}},
	{"limits.break_glass_per_day", "Emergency accesses that one professional asks for in a day, before they are stopped and told why.",
		func(c *Config) value { return intValue{&c.Limits.GlassPerDay, 20, 1, 100_000} }},
	{"limits.declared_consent", "How long a consent lasts that a professional says the patient gave: one consultation.",
		func(c *Config) value {
			return durationValue{&c.Limits.Declared, day, time.Minute, 365 * day}
		}},
	{"limits.care_team", "How long a membership of the care team lasts that a professional declares.",
		func(c *Config) value {
			return durationValue{&c.Limits.CareTeam, 365 * day, time.Minute, 3650 * day}
		}},
	{"limits.smtp_memory", "Memory for mails being received; beyond it they wait, then get a passing failure.",
		func(c *Config) value { return sizeValue{&c.Limits.SMTPMemory, 256 * mb, 1 * mb, 1024 * gb} }},
	{"limits.http_memory", "Memory for what programs send to the API; beyond it they wait, then get a passing failure.",
		func(c *Config) value { return sizeValue{&c.Limits.HTTPMemory, 256 * mb, 1 * mb, 1024 * gb} }},
	{"limits.imap_memory", "Memory for messages and parts being sent to mail clients.",
		func(c *Config) value { return sizeValue{&c.Limits.IMAPMemory, 256 * mb, 1 * mb, 1024 * gb} }},
	{"limits.listing_cache", "Memory for opened listings.",
		func(c *Config) value { return sizeValue{&c.Limits.ListingCache, 32 * mb, 0, 1024 * gb} }},
	{"limits.memory", "Memory that the process tries to stay below as a whole; 0 is no such limit.",
		func(c *Config) value { return sizeValue{&c.Limits.Memory, 0, 0, 1024 * gb} }},
	{"limits.handshake", "Time for a TLS handshake.",
		func(c *Config) value {
			return durationValue{&c.Limits.Handshake, 10 * time.Second, time.Second, time.Minute}
		}},
	{"limits.anonymous", "Silence allowed before login.",
		func(c *Config) value {
			return durationValue{&c.Limits.Anonymous, time.Minute, time.Second, time.Hour}
		}},
	{"limits.smtp_idle", "Silence of an SMTP client that has logged in.",
		func(c *Config) value {
			return durationValue{&c.Limits.SMTPIdle, 5 * time.Minute, time.Second, day}
		}},
	{"limits.imap_idle", "Silence of an IMAP client that has logged in; RFC 9051 asks for 30 minutes.",
		func(c *Config) value {
			return durationValue{&c.Limits.IMAPIdle, 35 * time.Minute, time.Second, day}
		}},
	{"limits.act", "Time for one act of the hub: filing a mail, checking a recipient.",
		func(c *Config) value {
			return durationValue{&c.Limits.Act, 2 * time.Minute, time.Second, time.Hour}
		}},
	{"limits.drain", "Time that mails under way have to be filed when the hub stops.",
		func(c *Config) value {
			return durationValue{&c.Limits.Drain, 20 * time.Second, 0, 10 * time.Minute}
		}},

	{"web.base", "The address at which people and programs reach the HTTPS port, such as \"https://dmp.example.test\". Empty: the name of the hub with the port, or localhost where the port is on loopback.",
		func(c *Config) value { return textValue{at: &c.Web.Base, check: isBase} }},
	{"web.strict", "Refuse documents that break the French profile of FHIR (PDSm), instead of taking them with a note in the log.",
		func(c *Config) value { return boolValue{at: &c.Web.Strict} }},
	{"web.support", "How people reach whoever runs this hub, in a line for the help pages: \"01 23 45 67 89, du lundi au vendredi, de 9 h à 18 h\". Empty: they are told that nothing is known.",
		func(c *Config) value { return textValue{at: &c.Web.Support} }},

	{"professionals.samu", "The FINESS numbers of the establishments whose physicians regulate for the centre 15.",
		func(c *Config) value { return wordsValue{at: &c.Professionals.SAMU, check: isFINESS} }},
	{"professionals.block_spares_mail", "Whom a patient has blocked may still write to them, and reads nothing.",
		func(c *Config) value { return boolValue{at: &c.Professionals.BlockSparesMail} }},
	{"professionals.issuer", "Where professionals log in, by OpenID Connect: the issuer of Pro Santé Connect. Empty: they do not log in to the API.",
		func(c *Config) value { return textValue{at: &c.Professionals.Issuer, check: isProvider} }},
	{"professionals.client_id", "The name of this hub there.",
		func(c *Config) value { return textValue{at: &c.Professionals.ClientID} }},
	{"professionals.client_secret", "Its secret: \"file:PATH\" or \"env:NAME\" to read it from there.",
		func(c *Config) value { return secretValue{at: &c.Professionals.ClientSecret} }},
	{"professionals.scopes", "What is asked for.",
		func(c *Config) value {
			return wordsValue{at: &c.Professionals.Scopes, otherwise: []string{"openid", "scope_all"}}
		}},
	{"professionals.acr", "How sure the provider has to be of the person (acr_values); \"-\" asks for nothing.",
		func(c *Config) value { return textValue{at: &c.Professionals.ACR, otherwise: "eidas1"} }},
	{"professionals.claim", "The claim that holds the national identifier, 8 and the RPPS number.",
		func(c *Config) value { return textValue{at: &c.Professionals.Claim, otherwise: "SubjectNameID"} }},
	{"professionals.programs", "Programs whose tokens of the provider are good here as they are, each \"ID=NAME\". Empty: none.",
		func(c *Config) value { return wordsValue{at: &c.Professionals.Programs, check: isProgram} }},

	{"notices.smarthost", "The mail server that takes notices to people's own addresses (codes, \"you have a message\": never a word of health), as \"host:port\". TLS from the first byte on port 465, STARTTLS elsewhere; without TLS on loopback only. Empty: none are sent by mail.",
		func(c *Config) value { return textValue{at: &c.Notices.Smarthost, check: isHostPort} }},
	{"notices.from", "Who these mails are from; empty is noreply@ the domain of the hub.",
		func(c *Config) value { return textValue{at: &c.Notices.From, check: isMailAddress} }},
	{"notices.user", "The login at that server; empty: none.",
		func(c *Config) value { return textValue{at: &c.Notices.User} }},
	{"notices.password", "And its password: \"file:PATH\" or \"env:NAME\" to read it from there.",
		func(c *Config) value { return secretValue{at: &c.Notices.Password} }},
	{"notices.sms", "The URL of the provider of text messages, who takes a POST of JSON with to, text and reference. Empty: none are sent.",
		func(c *Config) value { return textValue{at: &c.Notices.SMS, check: isProvider} }},
	{"notices.sms_token", "The bearer token for it: \"file:PATH\" or \"env:NAME\" to read it from there.",
		func(c *Config) value { return secretValue{at: &c.Notices.SMSToken} }},
	{"notices.folder", "In test mode only: a folder for people to read notices in, instead of sending them. The codes in it let anybody in.",
		func(c *Config) value { return pathValue{at: &c.Notices.Folder} }},

	{"life.opening", "From the notice to the opening of a space whose owner does not object (CSP R.1111-28: six weeks).",
		func(c *Config) value {
			return durationValue{&c.Life.Opening, 42 * day, time.Minute, 365 * day}
		}},
	{"life.archiving", "From the closing of a space until it is put away; what was put away comes back when it is opened again.",
		func(c *Config) value {
			return durationValue{&c.Life.Archiving, 30 * day, time.Minute, 365 * day}
		}},
	{"life.erasure", "From the request to erase a closed space to the deed, at most three months: time to change one's mind.",
		func(c *Config) value {
			return durationValue{&c.Life.Erasure, 30 * day, time.Minute, 90 * day}
		}},

	{"janitor.outbox", "How often what could not leave is tried again.",
		func(c *Config) value {
			return durationValue{&c.Janitor.Outbox, time.Minute, time.Second, time.Hour}
		}},
	{"janitor.notices", "How often notices are looked for that are to leave.",
		func(c *Config) value {
			return durationValue{&c.Janitor.Notices, 2 * time.Second, 100 * time.Millisecond, time.Hour}
		}},
	{"janitor.checkpoint", "How often a checkpoint of the trails is written, if anything happened.",
		func(c *Config) value {
			return durationValue{&c.Janitor.Checkpoint, time.Minute, time.Second, time.Hour}
		}},
	{"janitor.life", "How often it is seen what time alone makes happen in the lives of spaces.",
		func(c *Config) value {
			return durationValue{&c.Janitor.Life, time.Hour, time.Second, day}
		}},
	{"janitor.sweep", "How often what a crash left behind is swept.",
		func(c *Config) value {
			return durationValue{&c.Janitor.Sweep, day, time.Minute, 30 * day}
		}},

	{"log.level", "What is logged: debug, info, warn or error.",
		func(c *Config) value {
			return textValue{at: &c.Log.Level, otherwise: "info", check: oneOf("debug", "info", "warn", "error")}
		}},
	{"log.format", "How: json for machines, text for people. To standard error.",
		func(c *Config) value {
			return textValue{at: &c.Log.Format, otherwise: "json", check: oneOf("json", "text")}
		}},
}
