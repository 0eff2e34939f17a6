package hub

import "vaguemestre/internal/fault"

// The errors of integrating a document (ANS, volet de transmission d'un
// document CDA par messagerie, error-codes.md), and other rules of the door
// itself about what documents are. They are none of policy's, which judges who
// may do what.
var (
	notTheNewest = Refusal{Code: 900, Rule: "document/not-the-newest", Kind: fault.Conflict,
		FR: "Le document à remplacer ou à modifier n'est plus la dernière version connue (erreur 900).",
		EN: "The document to replace or change is no longer the newest version known (error 900)."}
	notItsAuthor = Refusal{Code: 901, Rule: "document/not-the-author", Kind: fault.Denied,
		FR: "Seul l'auteur d'un document, ou son établissement, peut le remplacer ou le retirer (erreur 901).",
		EN: "Only the author of a document, or their establishment, may replace or withdraw it (error 901)."}
	noIdentity = Refusal{Code: 903, Rule: "document/no-identity", Kind: fault.Denied,
		FR: "Le document ne porte pas de matricule INS lisible (erreur 903).",
		EN: "The document has no INS that can be read (error 903)."}
	wrongPatient = Refusal{Code: 904, Rule: "document/wrong-patient", Kind: fault.Denied,
		FR: "Un document porte un matricule INS qui n'est pas celui du patient destinataire (erreur 904). Vérifiez le patient.",
		EN: "A document carries an INS that is not that of the patient it is for (error 904). Check the patient."}
	otherTraits = Refusal{Code: 904, Rule: "document/other-traits", Kind: fault.Denied,
		FR: "Le matricule INS ou les traits d'identité du document ne concordent pas exactement avec ceux du patient (erreur 904).",
		EN: "The INS or the identity traits of the document do not agree exactly with those of the patient (error 904)."}
	incompleteTraits = Refusal{Code: 905, Rule: "document/incomplete-traits", Kind: fault.Denied,
		FR: "Le document porte un matricule INS sans tous les traits d'identité, ou une INS qui n'est pas qualifiée (erreur 905).",
		EN: "The document has an INS without all identity traits, or one that is not qualified (error 905)."}
	otherIdentity = Refusal{Code: 906, Rule: "document/other-identity", Kind: fault.Denied,
		FR: "L'INS du document n'est pas déclarée comme celle d'un seul patient réel (erreur 906).",
		EN: "The INS of the document is not declared as that of one real patient (error 906)."}
	unreadable = Refusal{Code: 906, Rule: "document/unreadable", Kind: fault.Denied,
		FR: "Un document CDA ou IHE_XDM ne peut pas être lu, donc le patient qu'il concerne ne peut pas être vérifié (erreur 906). Corrigez le document.",
		EN: "A CDA or IHE_XDM document cannot be read, so the patient it concerns cannot be checked (error 906). Correct the document."}
	otherBytes = Refusal{Code: 906, Rule: "document/other-bytes", Kind: fault.Denied,
		FR: "Un autre document porte déjà cet identifiant unique : un document modifié doit en recevoir un nouveau (erreur 906).",
		EN: "Another document has this unique id already: a changed document must be given a new one (error 906)."}
	notAsDescribed = Refusal{Code: 906, Rule: "document/not-as-described", Kind: fault.Denied,
		FR: "Le document ne correspond pas à ce qui en est dit : identifiant unique, type ou contenu (erreur 906).",
		EN: "The document is not what is said of it: unique id, type or content (error 906)."}

	hiddenDocument = Refusal{Rule: "document/hidden-from-patient-mailed", Kind: fault.Denied,
		FR: "Un document de ce message n'est pas visible du patient : il ne peut pas lui être envoyé avant la consultation d'annonce.",
		EN: "A document of this message is not visible to the patient: it cannot be sent to the patient before it has been announced."}
	maskedDocument = Refusal{Rule: "document/masked-mailed", Kind: fault.Denied,
		FR: "Un document de ce message est masqué aux professionnels : il ne peut être envoyé qu'au patient.",
		EN: "A document of this message is masked from professionals: it can be sent to the patient only."}
	notADeposit = Refusal{Rule: "document/not-a-deposit", Kind: fault.Denied,
		FR: "Le document n'est pas conforme : un titulaire dépose un fichier PDF, texte, RTF, JPEG, PNG ou TIFF de 50 Mo au plus.",
		EN: "The document does not conform: a holder deposits a PDF, text, RTF, JPEG, PNG or TIFF file of at most 50 MB."}
)

// byCode gives the refusal for each code that identity can be refused with.
var byCode = map[int]*Refusal{903: &noIdentity, 904: &otherTraits, 905: &incompleteTraits, 906: &otherIdentity}

// mailed says of a refusal that it is a whole mail's.
func mailed(r Refusal) *Refusal {
	r.Kind = fault.Denied
	r.FR += " Rien n'a été remis."
	r.EN += " Nothing was delivered."
	return &r
}
