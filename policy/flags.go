package policy

// Flags are what the author of a document asks for it, and to whom the hub is
// to send it by mail besides filing it.
type Flags struct {
	Masked                    bool // MASQUE_PS
	HiddenFromPatient         bool // INVISIBLE_PATIENT
	HiddenFromRepresentatives bool // INVISIBLE_REP_LEGAUX
	SecretConnection          bool // CONNEXION_SECRETE
	ToProfessional            bool // DESTMSSANTEPS
	ToPatient                 bool // DESTMSSANTEPAT
}

// CheckFlags says whether flags may stand together: those of the volet
// "transmission d'un document CDA-R2" of the CI-SIS, and for the record those
// of the DMP, where a document is hidden from the patient or masked, never
// both, and a secret connection files only what representatives do not see.
// (The volet lets a secret connection send a document that they do see; the
// DMP does not, and is followed here.) FileDocument is refused by the same
// rules. The space and the actor are not looked at.
func CheckFlags(f Flags) Decision {
	return decide(setFlags, when(f.Masked, masked)|
		when(f.HiddenFromPatient, hiddenFromPatient)|
		when(f.HiddenFromRepresentatives, hiddenFromRepresentatives)|
		when(f.SecretConnection, secretConnection)|
		when(f.ToProfessional, copyToProfessional)|
		when(f.ToPatient, copyToPatient))
}
