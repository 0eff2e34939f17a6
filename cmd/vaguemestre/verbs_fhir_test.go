package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// recordVerbs are the verbs of the stories of the record
// (testdata/script/record-*.txtar), after cast or record. WHO and PATIENT are
// addresses.
//
//	record PATIENT           $RECORD is the ID of the record, for paths of fhir
//	fhir WHO METHOD PATH [FILE]   asks the FHIR service; prints the status and the answer, indented.
//	                         In FILE, ${NAME} is a variable
//	token WHO                $TOKEN is a bearer token, $FHIR the address of the service: for curl
//	deposit WHO PATIENT NAME TYPE [LABEL|replaces=NAME]…
//	                         adds a document called NAME (ITI-105); $NAME is its ID
//	sees WHO PATIENT [NAME…]
//	                         lists these documents and no other; these can be opened, and what somebody
//	                         filed who may not list the record; the others are not there
//	act WHO PATIENT ACT [ARG…]    does what the portal or a care program offers; see acts
//	enrol WHO BORN CARD open|object [LOGIN PASSWORD]
//	                         a person uses their Vitale card, and the codes that come by mail; "enrol lower …" types
//	                         the first code in small letters
//	login-web LOGIN PASSWORD [none]   logs in through the web, with the code that comes, or none
//	night                    what a hub does by itself as time passes, it does now
//	outbox FILE              writes every notice there is into FILE, oldest first
//
// "!" before a verb expects it to be refused, with a status of 400 or more.
var recordVerbs = map[string]func(*testscript.TestScript, bool, []string){
	"record": recordVerb, "token": tokenVerb, "fhir": fhirVerb, "deposit": depositVerb, "sees": seesVerb, "act": actVerb, "night": nightVerb, "enrol": enrolVerb, "login-web": loginWebVerb,
	"outbox": outboxVerb,
}

// acts are what people do in a story, beside filing and reading:
//
//	declare care-team|consent       a professional says what they are to the patient
//	break-glass BTG|ETREAT REASON   an emergency
//	choose CODE permit|deny         a choice of the patient, by its code
//	block|consent|forget ADDRESS    of a professional
//	mask|unmask|announce|archive|unarchive|delete|restore NAME   of a document
//	name ADDRESS ROLE, grant|take-back|distrust ADDRESS, invite ADDRESS KIND, accept, represent,
//	end-glass, close                see openBackstage
var acts = map[string]func(s *stage, who, record string, args []string) (int, []byte, error){
	"declare": func(s *stage, who, record string, args []string) (int, []byte, error) {
		return s.fhir(who, "POST", "Patient/"+record+"/$declare-care", parameters("link", args[0]))
	},
	"break-glass": func(s *stage, who, record string, args []string) (int, []byte, error) {
		return s.fhir(who, "POST", "Patient/"+record+"/$break-glass", parameters("kind", args[0], "reason", args[1]))
	},
	"choose": func(s *stage, who, record string, args []string) (int, []byte, error) {
		return s.fhir(who, "PUT", "Consent/"+record+".c-"+args[0], consent("active", args[1], ""))
	},
	"block": func(s *stage, who, _ string, args []string) (int, []byte, error) {
		return s.fhir(who, "POST", "Consent", consent("active", "deny", args[0]))
	},
	"consent": func(s *stage, who, _ string, args []string) (int, []byte, error) {
		return s.fhir(who, "POST", "Consent", consent("active", "permit", args[0]))
	},
	"forget": func(s *stage, who, record string, args []string) (int, []byte, error) {
		id, err := s.firstOf(who, "Consent?patient="+record+"&actor:identifier="+url.QueryEscape(args[0]))
		if err != nil {
			return 0, nil, err
		}
		return s.fhir(who, "PUT", "Consent/"+id, consent("inactive", "permit", args[0]))
	},
	"mask":      patch("/securityLabel", label("MASQUE_PS")),
	"unmask":    patch("/securityLabel", `[]`),
	"announce":  patch("/securityLabel", `[]`),
	"archive":   patch("/extension/0/valueBoolean", `true`),
	"unarchive": patch("/extension/0/valueBoolean", `false`),
	"delete":    patch("/status", `"superseded"`),
	"restore":   patch("/status", `"current"`),
}

func patch(path, value string) func(*stage, string, string, []string) (int, []byte, error) {
	return func(s *stage, who, record string, args []string) (int, []byte, error) {
		d, ok := s.filed[record][args[0]]
		if !ok {
			return 0, nil, fmt.Errorf("no document is called %s", args[0])
		}
		return s.fhir(who, "PATCH", "DocumentReference/"+d.id, fmt.Sprintf(`[{"op":"replace","path":%q,"value":%s}]`, path, value))
	}
}

func label(code string) string {
	return fmt.Sprintf(`[{"coding":[{"system":"https://mos.esante.gouv.fr/NOS/TRE_A07-StatusVisibiliteDocument/FHIR/TRE-A07-StatusVisibiliteDocument","code":%q}]}]`, code)
}

func parameters(pairs ...string) string {
	var list []string
	for p := range slices.Chunk(pairs, 2) {
		list = append(list, fmt.Sprintf(`{"name":%q,"valueString":%q}`, p[0], p[1]))
	}
	return `{"resourceType":"Parameters","parameter":[` + strings.Join(list, ",") + `]}`
}

func consent(status, provision, who string) string {
	actor := ""
	if who != "" {
		actor = fmt.Sprintf(`,"actor":[{"role":{"text":"professionnel"},"reference":{"identifier":{"value":%q}}}]`, who)
	}
	return fmt.Sprintf(`{"resourceType":"Consent","status":%q,"scope":{"text":"patient-privacy"},"category":[{"text":"choix"}],"provision":{"type":%q%s}}`,
		status, provision, actor)
}

// A filing is a document that a story has deposited.
type filing struct{ id, text string }

// A pass is a token for the API, and until when the story believes in it.
type pass struct {
	token string
	until time.Duration // by the story's clock
}

// ask sends a request to the hub's HTTPS port.
func (s *stage) ask(method, path, token, media string, body []byte) (int, []byte, error) {
	if s.hub == nil {
		return 0, nil, errors.New("no hub is running")
	}
	cfg, err := s.tls()
	if err != nil {
		return 0, nil, err
	}
	t := &http.Transport{TLSClientConfig: cfg}
	defer t.CloseIdleConnections()
	r, err := http.NewRequest(method, "https://"+s.hub.ports["listen.https"]+path, bytes.NewReader(body)) //nolint:noctx // bounded by the client
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", media)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := (&http.Client{Transport: t, Timeout: longTime}).Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// backstage asks what only a hub of the tests answers.
func (s *stage) backstage(what string, pairs ...string) (string, error) {
	form := url.Values{}
	for p := range slices.Chunk(pairs, 2) {
		form.Set(p[0], p[1])
	}
	status, answer, err := s.ask(http.MethodPost, "/backstage/"+what, "", "application/x-www-form-urlencoded", []byte(form.Encode()))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s", bytes.TrimSpace(answer))
	}
	return string(answer), err
}

// token gives who a token that is good for half an hour of the story.
func (s *stage) token(who string) (string, error) {
	if p := s.passes[who]; p.token != "" && s.ahead < p.until {
		return p.token, nil
	}
	token, err := s.backstage("token", "who", who)
	if err == nil {
		s.passes[who] = pass{token, s.ahead + 30*time.Minute}
	}
	return token, err
}

// record finds the record of a patient, whose space is or was open.
func (s *stage) record(of string) (string, error) {
	if id := s.records[of]; id != "" {
		return id, nil
	}
	id, err := s.backstage("record", "who", of)
	if err == nil {
		s.records[of] = id
	}
	return id, err
}

// fhir asks the FHIR service for somebody. Who cannot log in is told 401.
func (s *stage) fhir(who, method, path, body string) (int, []byte, error) {
	token, err := s.token(who)
	if err != nil {
		return http.StatusUnauthorized, []byte(err.Error()), nil
	}
	media := "application/fhir+json"
	if method == http.MethodPatch {
		media = "application/json-patch+json"
	}
	return s.ask(method, "/fhir/"+strings.ReplaceAll(path, "|", "%7C"), token, media, []byte(body))
}

// A listing is what is read of a Bundle.
type listing struct {
	Entry []struct {
		Resource struct {
			ID      string
			Content []struct{ Attachment struct{ Title string } }
		}
	}
}

func (s *stage) firstOf(who, search string) (string, error) {
	status, answer, err := s.fhir(who, http.MethodGet, search, "")
	var f listing
	if err == nil {
		err = json.Unmarshal(answer, &f)
	}
	if err == nil && (status != http.StatusOK || len(f.Entry) == 0) {
		err = fmt.Errorf("%s: %d, nothing found", search, status)
	}
	if err != nil {
		return "", err
	}
	return f.Entry[0].Resource.ID, nil
}

// told prints an answer, and says whether it is a refusal.
func told(ts *testscript.TestScript, neg bool, status int, answer []byte, err error) {
	ts.Check(err)
	var pretty bytes.Buffer
	if json.Indent(&pretty, answer, "", "  ") != nil {
		pretty.Reset()
		pretty.Write(answer)
	}
	fmt.Fprintf(ts.Stdout(), "%d\n%s\n", status, pretty.Bytes())
	if status >= http.StatusBadRequest {
		expect(ts, neg, fmt.Errorf("refused: %d\n%s", status, pretty.Bytes()))
		return
	}
	expect(ts, neg, nil)
}

func recordVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: record PATIENT")
	}
	id, err := stageOf(ts).record(args[0])
	ts.Check(err)
	ts.Setenv("RECORD", id)
}

func tokenVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: token WHO")
	}
	s := stageOf(ts)
	token, err := s.token(args[0])
	ts.Check(err)
	_, port, _ := strings.Cut(s.hub.ports["listen.https"], ":")
	ts.Setenv("TOKEN", token)
	ts.Setenv("FHIR", "https://localhost:"+port+"/fhir")
}

func fhirVerb(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: fhir WHO METHOD PATH [FILE]")
	}
	body := ""
	if len(args) == 4 {
		body = os.Expand(ts.ReadFile(args[3]), ts.Getenv)
	}
	status, answer, err := stageOf(ts).fhir(args[0], args[1], args[2], body)
	told(ts, neg, status, answer, err)
}

// depositVerb adds a document whose text is its name, in a sentence.
func depositVerb(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 4 {
		ts.Fatalf("usage: deposit WHO PATIENT NAME TYPE [LABEL|replaces=NAME]…")
	}
	s, who, name := stageOf(ts), args[0], args[2]
	record, err := s.record(args[1])
	ts.Check(err)
	text := "Ceci est le document « " + name + " »."
	s.deposits++
	doc := map[string]any{
		"resourceType": "DocumentReference", "status": "current",
		"masterIdentifier": map[string]any{"system": "urn:ietf:rfc:3986", "value": fmt.Sprintf("urn:oid:1.2.250.1.999.8.%d", s.deposits)},
		"type":             map[string]any{"coding": []any{map[string]any{"code": args[3]}}},
		"subject":          map[string]any{"reference": "Patient/" + record},
		"content": []any{map[string]any{"attachment": map[string]any{
			"contentType": "text/plain", "title": name, "data": base64.StdEncoding.EncodeToString([]byte(text)),
		}}},
	}
	var labels []any
	replaces := ""
	for _, a := range args[4:] {
		if of, ok := strings.CutPrefix(a, "replaces="); ok {
			replaces = of
			doc["relatesTo"] = []any{map[string]any{"code": "replaces", "target": map[string]any{"reference": "DocumentReference/" + s.filed[record][of].id}}}
			continue
		}
		labels = append(labels, map[string]any{"coding": []any{map[string]any{"code": a}}})
	}
	if labels != nil {
		doc["securityLabel"] = labels
	}
	body, err := json.Marshal(doc)
	ts.Check(err)
	status, answer, err := s.fhir(who, http.MethodPost, "DocumentReference", string(body))
	if err == nil && status == http.StatusCreated {
		var made struct{ ID string }
		ts.Check(json.Unmarshal(answer, &made))
		if s.filed[record] == nil {
			s.filed[record] = map[string]filing{}
		}
		delete(s.filed[record], replaces)
		s.filed[record][name] = filing{made.ID, text}
		ts.Setenv(name, made.ID)
	}
	told(ts, neg, status, answer, err)
}

// seesVerb holds what somebody sees of a record against what a story says: in
// the list, and by opening each document of the story.
func seesVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: sees WHO PATIENT [NAME…]")
	}
	s, who := stageOf(ts), args[0]
	record, err := s.record(args[1])
	ts.Check(err)
	status, answer, err := s.fhir(who, http.MethodGet, "DocumentReference?status=current&patient="+record+"&_count=1000", "")
	ts.Check(err)
	var f listing
	if status == http.StatusOK {
		ts.Check(json.Unmarshal(answer, &f))
	}
	var listed []string
	for _, e := range f.Entry {
		for _, c := range e.Resource.Content {
			listed = append(listed, c.Attachment.Title)
		}
	}
	want := slices.Sorted(slices.Values(args[2:]))
	slices.Sort(listed)
	if !slices.Equal(listed, want) {
		ts.Fatalf("%s sees %q (%d), not %q", who, listed, status, want)
	}
	for name, d := range s.filed[record] {
		status, answer, err := s.fhir(who, http.MethodGet, "Binary/"+d.id, "")
		ts.Check(err)
		switch {
		case slices.Contains(want, name) && (status != http.StatusOK || string(answer) != d.text):
			ts.Fatalf("%s is shown %s and cannot open it: %d %s", who, name, status, answer)
		case !slices.Contains(want, name) && (status != http.StatusNotFound && status != http.StatusUnauthorized || bytes.Contains(answer, []byte(name))):
			ts.Fatalf("%s is not shown %s and is answered %d %s", who, name, status, answer)
		}
	}
}

func actVerb(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: act WHO PATIENT ACT [ARG…]")
	}
	s, who, act, args := stageOf(ts), args[0], args[2], append([]string{args[1]}, args[3:]...)
	record, err := s.record(args[0])
	ts.Check(err)
	if do := acts[act]; do != nil {
		status, answer, err := do(s, who, record, args[1:])
		told(ts, neg, status, answer, err)
		return
	}
	token, err := s.token(who)
	ts.Check(err)
	args = append(args, "", "")
	_, err = s.backstage("act", "token", token, "record", record, "act", act, "address", args[1], "arg", args[2])
	expect(ts, neg, err)
}

func nightVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: night")
	}
	_, err := stageOf(ts).backstage("night")
	ts.Check(err)
}

func outboxVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: outbox FILE")
	}
	_, err := stageOf(ts).backstage("night") // what waits leaves
	ts.Check(err)
	names, err := filepath.Glob(ts.MkAbs("hub/outbox/*.txt"))
	ts.Check(err)
	var all bytes.Buffer
	for _, name := range names {
		b, err := os.ReadFile(name)
		ts.Check(err)
		fmt.Fprintf(&all, "--- %s\n%s\n", filepath.Base(name), b)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), all.Bytes(), 0o600))
}

func enrolVerb(ts *testscript.TestScript, neg bool, args []string) {
	code := ""
	if len(args) > 0 && args[0] == "lower" {
		code, args = "lower", args[1:]
	}
	if len(args) != 4 && len(args) != 6 {
		ts.Fatalf("usage: enrol [lower] WHO BORN CARD open|object [LOGIN PASSWORD]")
	}
	args = append(args, "", "")
	text, err := stageOf(ts).backstage("enrol", "who", args[0], "born", args[1], "card", args[2], "decision", args[3],
		"login", args[4], "password", args[5], "code", code)
	fmt.Fprint(ts.Stdout(), text)
	expect(ts, neg, err)
}

func loginWebVerb(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: login-web LOGIN PASSWORD [none]")
	}
	args = append(args, "")
	text, err := stageOf(ts).backstage("login", "login", args[0], "password", args[1], "code", args[2])
	fmt.Fprint(ts.Stdout(), text)
	expect(ts, neg, err)
}
