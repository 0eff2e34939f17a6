package policy

// An Actor is who asks. ID and Establishment are opaque to policy, which only
// compares them; the empty string is nobody and equals nothing.
type Actor struct {
	Role          Role
	Profession    Profession // of a professional; zero for all others
	ID            string     // the owner of the actor's mailbox or space
	Establishment string     // where they act for, if anywhere
	Device        string     // the name of the application password, certificate or session
	Suspended     bool       // cut off: stolen account, fraud, end of activity
}

// A Role is the capacity in which somebody acts, or owns a mailbox. The zero
// Role is nobody: an address that is not known, a session without login.
type Role uint8

// The roles.
const (
	Patient       Role = iota + 1
	Professional       // a health or social professional, by name (BAL PER)
	Organisation       // a ward, a practice, a team (BAL ORG, CAB)
	Application        // software that sends and receives by itself (BAL APP)
	Partner            // a mailbox of another operator of the trust space, whose kind is not known here
	Administrator      // the operator's staff
	Insurer            // compulsory or complementary insurance, and banks
	Employer
	State
)

var roleNames = [...]string{"nobody", "patient", "professional", "organisation", "application",
	"partner", "administrator", "insurer", "employer", "state"}

// String returns the English word, as the trail has it.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return roleNames[0]
}

// cares reports whether r may, as such, write to patients.
func (r Role) cares() bool { return r >= Professional && r <= Partner }

// shared reports whether mailboxes of r belong to no single person.
func (r Role) shared() bool { return r == Organisation || r == Application }

// A Profession is a code of the value set JDV_J01 of the ANS: G15_… for health
// professions, G16_… for those in training, plain numbers for the social and
// medico-social ones. Any code may be given; one without a row in the matrix
// reads nothing but what it filed. The zero Profession is none.
type Profession string

// The professions that code and tests name.
const (
	Physician             Profession = "G15_10"
	Pharmacist            Profession = "G15_21"
	HearingAidSpecialist  Profession = "G15_26"
	Optician              Profession = "G15_28"
	NursingAssistant      Profession = "G15_35"
	AmbulanceDriver       Profession = "G15_36"
	HospitalPharmacyAide  Profession = "G15_38"
	PharmacyAide          Profession = "G15_39"
	Dentist               Profession = "G15_40"
	Midwife               Profession = "G15_50"
	Nurse                 Profession = "G15_60"
	PsychiatricNurse      Profession = "G15_69"
	Physiotherapist       Profession = "G15_70"
	Podiatrist            Profession = "G15_80"
	SpeechTherapist       Profession = "G15_91"
	Orthoptist            Profession = "G15_92"
	OccupationalTherapist Profession = "G15_94"
	Dietitian             Profession = "G15_95"
	Psychomotrician       Profession = "G15_96"
	Radiographer          Profession = "G15_98"
	SocialWorker          Profession = "41"
	Psychologist          Profession = "93"
	CareCoordinator       Profession = "330"
	MedicalSecretary      Profession = "331"
	MedicalAssistant      Profession = "332"
)

// Label returns the French name of p, or its code if JDV_J01 has none.
func (p Profession) Label() string {
	if i, ok := professionAt[p]; ok {
		return professions[i].name
	}
	return string(p)
}
