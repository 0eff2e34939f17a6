package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sync/errgroup"

	"vaguemestre/internal/adminapi"
)

// routeVerbs are the verbs of the stories of the routes and of the real mail
// clients (testdata/script/route-*.txtar, client-*.txtar), beside those of
// every story:
//
//	cast                     makes the mailboxes and spaces of the cast: $LOUISE is an address,
//	                         $LOUISE_PASSWORD its application password
//	ports [NAME]             puts the ports into $SMTPS, $SUBMISSION, $IMAPS, $IMAP and $HTTPS; those of
//	                         a hub that joined into $NAME_SMTPS …
//	database                 makes an empty schema in PostgreSQL; the files postgres and redis say where
//	join NAME                starts one more process on the same store, blobs and bus
//	dialogue PORT [WHO] FILE speaks a protocol, line by line: see talk
//	login PORT MECHANISM WHO logs in by a mechanism of SASL
//	letter MAIL OUT FILE…    attaches files to a mail that is only text
//	attached MAIL NAME OUT   saves an attachment, decoded
//	same RECEIVED SENT       it is the same mail, byte for byte, after its trace fields
//	xdm OUT DOCUMENT…        packs CDA documents into an IHE_XDM.zip
//	zip OUT NAME=FILE…       packs files into a zip, whatever they are to be called
//	tamper flip|delete|swap  changes a trail in the file of a hub that is stopped
//	silent WORDS FOLDER…     no file there holds one of the words, in any form
var routeVerbs = map[string]func(*testscript.TestScript, bool, []string){
	"cast": castVerb, "ports": portsVerb, "database": databaseVerb, "join": joinVerb, "dialogue": dialogueVerb, "login": loginVerb,
	"letter": letterVerb, "attached": attachedVerb, "same": sameVerb, "xdm": xdmVerb, "zip": zipVerb,
	"tamper": tamperVerb, "silent": silentVerb,
}

// A player is somebody of the cast.
type player struct {
	name  string // in upper case, as the variables are
	space adminapi.Patient
	state string // of a patient: active, enrolled, opposed, closed or none
	box   adminapi.BAL
}

// The cast. Nobody of it exists.
var cast = []player{
	{name: "MARTIN", box: adminapi.BAL{Kind: "PER", Address: "dr.martin@ch-a.test", Name: "Dr Claire MARTIN", Profession: "G15_10", Establishment: "990000011", Organisation: "CH A"}},
	{name: "ROCHE", box: adminapi.BAL{Kind: "PER", Address: "dr.roche@ch-a.test", Name: "Dr Paul ROCHE", Profession: "G15_10", Establishment: "990000011", Organisation: "CH A"}},
	{name: "BENALI", box: adminapi.BAL{Kind: "PER", Address: "ines.benali@ville.test", Name: "Inès BENALI", Profession: "G15_60"}},
	{name: "SECRETARIAT", box: adminapi.BAL{Kind: "ORG", Address: "secretariat@ch-a.test", Name: "Secrétariat de cardiologie", Establishment: "990000011", Organisation: "CH A"}},
	{name: "LABO", box: adminapi.BAL{Kind: "APP", Address: "resultats@labo.test", Name: "Laboratoire des Glycines", Establishment: "990000029", Organisation: "Laboratoire des Glycines"}},

	{name: "THOMAS", box: adminapi.BAL{Kind: "PER", Address: "eric.thomas@ville.test", Name: "Dr Éric THOMAS", Profession: "G15_10"}},
	{name: "OLIVIER", box: adminapi.BAL{Kind: "PER", Address: "marc.olivier@pharmacie.test", Name: "Marc OLIVIER", Profession: "G15_21"}},
	{name: "GIRARD", box: adminapi.BAL{Kind: "PER", Address: "paul.girard@optique.test", Name: "Paul GIRARD", Profession: "G15_28"}},
	{name: "SAMU", box: adminapi.BAL{Kind: "PER", Address: "dr.petit@samu.test", Name: "Dr Anne PETIT", Profession: "G15_10", Establishment: "990000092", Organisation: "SAMU 99"}},

	{name: "DOMINIQUE", state: "active", space: adminapi.Patient{Matricule: "279035121518989", BirthName: "PAT-TROIS", FirstNames: "DOMINIQUE MARIE-LOUISE", BirthDate: "19790328", Sex: "F", BirthPlace: "51215"}},
	{name: "LOUISE", state: "active", space: adminapi.Patient{Matricule: "285209999900177", BirthName: "MERCIER", FirstNames: "LOUISE", BirthDate: "19850412", Sex: "F", BirthPlace: "99999"}},
	{name: "RENE", state: "active", space: adminapi.Patient{Matricule: "148209999900692", BirthName: "TOURNIER", FirstNames: "RENE", BirthDate: "19480105", Sex: "M", BirthPlace: "99999"}},
	{name: "NOEL", state: "enrolled", space: adminapi.Patient{Matricule: "190209999900275", BirthName: "LENOIR", FirstNames: "NOEL", BirthDate: "19901224", Sex: "M", BirthPlace: "99999"}},
	{name: "ODILE", state: "opposed", space: adminapi.Patient{Matricule: "270209999900334", BirthName: "VASSEUR", FirstNames: "ODILE", BirthDate: "19700606", Sex: "F", BirthPlace: "99999"}},
	{name: "CLAUDE", state: "closed", space: adminapi.Patient{Matricule: "160209999900488", BirthName: "BERTIN", FirstNames: "CLAUDE", BirthDate: "19600909", Sex: "M", BirthPlace: "99999"}},
	{name: "PERSONNE", state: "none", space: adminapi.Patient{Matricule: "155209999900541"}},
}

func (p player) address() string {
	if p.state != "" {
		return p.space.Matricule + "@" + "patient.vaguemestre.test"
	}
	return p.box.Address
}

// castVerb makes the mailboxes and spaces of the cast as an operator does, and
// a password for the device "story" of each who may have one.
func castVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: cast")
	}
	s := stageOf(ts)
	cfg, err := loadConfig(ts.Getenv("VAGUEMESTRE_DATA"), "")
	ts.Check(err)
	token, err := findToken(cfg.Operators, "")
	ts.Check(err)
	c := adminapi.NewClient(cfg.Listen.Admin, token)
	defer c.Close()
	passwords := make([]string, len(cast))
	g, ctx := errgroup.WithContext(context.Background())
	for i, p := range cast {
		g.Go(func() (err error) {
			passwords[i], err = p.enrol(ctx, c)
			return err
		})
	}
	ts.Check(g.Wait())
	for i, p := range cast {
		s.passwords[p.address()] = passwords[i]
		ts.Setenv(p.name, p.address())
		ts.Setenv(p.name+"_PASSWORD", passwords[i])
	}
	ts.Setenv("CA", ts.MkAbs("hub/"+caFile))
	setPorts(ts, "", s)
}

// portsVerb names the ports, which are others after each start.
func portsVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: ports")
	}
	setPorts(ts, "", stageOf(ts))
}

func setPorts(ts *testscript.TestScript, prefix string, s *stage) {
	for key, address := range s.hub.ports {
		name := strings.ToUpper(strings.TrimPrefix(key, "listen."))
		_, port, _ := strings.Cut(address, ":")
		ts.Setenv(prefix+name, address)
		ts.Setenv(prefix+name+"_PORT", port)
	}
}

// databaseVerb makes a schema that nobody else uses, and drops it in the end.
// Where it is, with its password, goes into a file; without, into $POSTGRES
// and $SCHEMA.
func databaseVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: database")
	}
	dsn := os.Getenv("VAGUEMESTRE_TEST_POSTGRES")
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	ts.Check(err)
	schema := "story_" + strings.ToLower(rand.Text())
	_, err = conn.Exec(ctx, "create schema "+schema)
	ts.Check(err)
	ts.Defer(func() {
		_, err := conn.Exec(ctx, "drop schema "+schema+" cascade")
		ts.Check(errors.Join(err, conn.Close(ctx)))
	})
	ts.Setenv("POSTGRES", dsn)
	ts.Setenv("SCHEMA", schema)
	keep(ts, "postgres", []byte(dsn+" search_path="+schema))
	keep(ts, "redis", []byte(os.Getenv("VAGUEMESTRE_TEST_REDIS")))
}

// joinVerb starts one more process for the same hub: its own folder with a copy
// of the keys and the configuration, and the blobs on a disk that both mount.
func joinVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: join NAME")
	}
	first, folder := stageOf(ts), ts.MkAbs(args[0])
	data := ts.Getenv("VAGUEMESTRE_DATA")
	for _, file := range []string{"vaguemestre.toml", "escrow.cert", "secrets", "operators", "tls"} {
		ts.Check(copyPrivately(filepath.Join(folder, file), filepath.Join(data, file)))
	}
	for _, shared := range []string{"blobs", "checkpoints"} {
		ts.Check(os.Symlink(filepath.Join(data, shared), filepath.Join(folder, shared)))
	}
	s := &stage{folder: first.folder}
	ts.Defer(func() {
		if s.hub != nil {
			s.hub.Process.Kill()
			<-s.hub.ended
		}
	})
	ts.Check(s.start([]string{"--data", folder}))
	setPorts(ts, strings.ToUpper(args[0])+"_", s)
}

// copyPrivately copies a file or a folder; keys are for their owner alone.
func copyPrivately(to, from string) error {
	return filepath.WalkDir(from, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := to + strings.TrimPrefix(path, from)
		if e.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		return os.WriteFile(target, b, 0o600)
	})
}

// lives is what has to happen for a space to be in a state.
var lives = map[string][]string{"active": {"activate"}, "enrolled": nil, "opposed": {"oppose"}, "closed": {"activate", "close"}}

func (p player) enrol(ctx context.Context, c *adminapi.Client) (password string, err error) {
	if p.state == "none" {
		return "", nil
	}
	if p.state == "" {
		_, err = do[any](ctx, c, "mailbox/add", p.box)
	} else {
		_, err = do[any](ctx, c, "patient/add", p.space)
	}
	for _, event := range lives[p.state] {
		if err == nil {
			_, err = do[any](ctx, c, "patient/"+event, adminapi.Name{Address: p.address()})
		}
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.name, err)
	}
	if p.state != "" && p.state != "active" {
		return "", nil
	}
	s, err := do[adminapi.Secret](ctx, c, "password/add", adminapi.Device{Address: p.address(), Device: "story"})
	return s.Password, err
}

// silentVerb looks for words in every file of some folders, as they are and in
// the forms in which they could be there by mistake.
func silentVerb(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: silent WORDS FOLDER…")
	}
	forms := secretForms(strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n"))
	files := 0
	var found []string
	for _, folder := range args[1:] {
		err := filepath.WalkDir(ts.MkAbs(folder), func(path string, e os.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			files++
			for _, secret := range findSecrets(b, forms) {
				found = append(found, fmt.Sprintf("%s holds %q", path, secret))
			}
			return err
		})
		ts.Check(err)
	}
	if files == 0 {
		ts.Fatalf("there was nothing to look at")
	}
	err := error(nil)
	if len(found) > 0 {
		err = errors.New("not silent: " + strings.Join(found, "\n"))
	}
	expect(ts, neg, err)
}

// with is every verb that a story may use.
func with(sets ...map[string]func(*testscript.TestScript, bool, []string)) map[string]func(*testscript.TestScript, bool, []string) {
	all := map[string]func(*testscript.TestScript, bool, []string){}
	for _, set := range sets {
		maps.Copy(all, set)
	}
	return all
}

// routeCondition answers the conditions of the stories: [services], the servers
// of a scaled hub are there; [scram], Debian's programs can log in by SCRAM.
func routeCondition(cond string) (bool, error) {
	switch cond {
	case "services":
		return os.Getenv("VAGUEMESTRE_TEST_POSTGRES") != "" && os.Getenv("VAGUEMESTRE_TEST_REDIS") != "", nil
	case "scram":
		plugins, err := filepath.Glob("/usr/lib/*/sasl2/libscram.so")
		return len(plugins) > 0, err
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}
