package audit

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"vaguemestre/policy"
)

// Sentence tells an entry in words: when, who, of which profession and
// establishment, for whom, through what, did what, and whether that was an
// emergency. The time is told in its own location. Why it was allowed or refused
// is policy.Explain of the entry's rule, which the door joins.
func Sentence(e Entry) (fr, en string) {
	whoFR, whoEN := who(e)
	doneFR, doneEN := done(e)
	fr = fmt.Sprintf("%s : %s %s.", whenFR(e.Time), whoFR, doneFR)
	en = fmt.Sprintf("%s: %s %s.", e.Time.Format("2 January 2006, 15:04"), whoEN, doneEN)
	if e.Emergency {
		fr, en = fr+" Accès en urgence.", en+" Emergency access."
	}
	if e.Reason != "" {
		fr, en = fr+" Motif : « "+e.Reason+" ».", en+` Reason given: "`+e.Reason+`".`
	}
	return fr, en
}

// who names the actor, and what else is known of them, as the subject of a
// sentence.
func who(e Entry) (fr, en string) {
	listFR, listEN := actor(e)
	if e.OnBehalf != "" {
		listFR, listEN = append(listFR, "pour "+e.OnBehalf), append(listEN, "on behalf of "+e.OnBehalf)
	}
	if e.Means != "" {
		listFR, listEN = append(listFR, "par « "+e.Means+" »"), append(listEN, `through "`+e.Means+`"`)
	}
	if len(listFR) == 1 {
		return listFR[0], listEN[0]
	}
	return strings.Join(listFR, ", ") + ",", strings.Join(listEN, ", ") + ","
}

func actor(e Entry) (fr, en []string) {
	name := e.ActorName
	if name == "" {
		name = e.Actor
	}
	switch e.Kind() {
	case Support, Enrolment:
		return []string{"l'opérateur (" + name + ")"}, []string{"the operator (" + name + ")"}
	case System:
		if e.Role == SystemActor || e.Role == "" && e.Actor == SystemActor {
			return []string{"la messagerie"}, []string{"the mail service"}
		}
		return []string{"une personne non identifiée (" + name + ")"}, []string{"somebody unidentified (" + name + ")"}
	case Patient:
		if e.OnBehalf == "" {
			name += " (patient)"
		}
		return []string{name}, []string{name}
	}
	fr, en = []string{name}, []string{name}
	if e.Profession != "" {
		fr, en = append(fr, "profession : "+lower(e.Profession.Label())), append(en, professionEN(e.Profession))
	}
	if e.Organisation != "" && e.Organisation != name {
		fr, en = append(fr, e.Organisation), append(en, e.Organisation)
	}
	return fr, en
}

// done tells what was done, or refused.
func done(e Entry) (fr, en string) {
	a, ok := actions[e.Act]
	if !ok { // written by another version of the hub
		a = action{General, "a fait « " + e.Act + " »", `did "` + e.Act + `"`, "faire « " + e.Act + " »", `do "` + e.Act + `"`}
	}
	if e.Refused {
		return "a voulu " + a.toFR + " : cela lui a été refusé", "tried to " + a.toEN + ", which was refused"
	}
	return a.fr, a.en
}

// Yours tells a line to the one who acted: what they did, through what, without
// when and why.
func (l Line) Yours() (fr, en string) {
	fr, en = done(Entry{Act: l.Act, Refused: l.Refused})
	for third, second := range map[string]string{"a ": "avez ", "n'a ": "n'avez ", "s'est ": "vous êtes "} {
		if verb, ok := strings.CutPrefix(fr, third); ok {
			fr = second + verb
			break
		}
	}
	fr, en = "Vous "+vous.Replace(fr), "You "+you.Replace(en)
	if l.Means != "" {
		fr, en = fr+", par « "+l.Means+" »", en+`, through "`+l.Means+`"`
	}
	return fr + ".", en + "."
}

// Besides the verb that begins it, only small words of what done says are of the
// third person.
var (
	vous = strings.NewReplacer(" lui ", " vous ", " son ", " votre ", " sa ", " votre ", " ses ", " vos ")
	you  = strings.NewReplacer(" they ", " you ", " their ", " your ")
)

var months = [...]string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août",
	"septembre", "octobre", "novembre", "décembre"}

func whenFR(t time.Time) string {
	return fmt.Sprintf("Le %d %s %d à %s", t.Day(), months[t.Month()-1], t.Year(), t.Format("15 h 04"))
}

// lower makes the first letter small, unless it begins an abbreviation.
func lower(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if next, _ := utf8.DecodeRuneInString(s[n:]); unicode.IsUpper(next) {
		return s
	}
	return strings.ToLower(string(r)) + s[n:]
}

// Called returns what people of a profession are called, in the middle of a
// sentence; "" for none.
func Called(p policy.Profession) (fr, en string) {
	if p == "" {
		return "", ""
	}
	return lower(p.Label()), professionEN(p)
}

// professionEN returns the English name of a profession, or what policy calls
// it.
func professionEN(p policy.Profession) string {
	if s, ok := english[p]; ok {
		return s
	}
	return lower(p.Label())
}

var english = map[policy.Profession]string{
	policy.Physician: "physician", policy.Pharmacist: "pharmacist", policy.HospitalPharmacyAide: "hospital pharmacy technician",
	policy.PharmacyAide: "pharmacy technician", policy.Dentist: "dentist", policy.Midwife: "midwife", policy.Nurse: "nurse",
	policy.PsychiatricNurse: "psychiatric nurse", policy.Physiotherapist: "physiotherapist", policy.Podiatrist: "podiatrist",
	policy.SpeechTherapist: "speech therapist", policy.Orthoptist: "orthoptist", policy.Optician: "optician",
	policy.HearingAidSpecialist: "hearing aid specialist", policy.OccupationalTherapist: "occupational therapist",
	policy.Dietitian: "dietitian", policy.Psychomotrician: "psychomotor therapist", policy.Radiographer: "radiographer",
	policy.NursingAssistant: "nursing assistant", policy.AmbulanceDriver: "ambulance driver", policy.Psychologist: "psychologist",
	policy.SocialWorker: "social worker", policy.CareCoordinator: "care coordinator",
	policy.MedicalSecretary: "medical secretary", policy.MedicalAssistant: "medical assistant",
}
