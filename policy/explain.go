package policy

// An Explanation is what a rule means, in words that a person understands.
// It names nobody, and fits the patient, the professional and the operator
// alike. Whether the person refused may read it is another question: Discreet.
type Explanation struct{ FR, EN string }

// Explain returns the words of a rule; those of DefaultDeny for a name that is
// none.
func Explain(rule string) Explanation {
	if e, ok := explanations[rule]; ok {
		return e
	}
	return explanations[DefaultDeny]
}

var explanations = map[string]Explanation{
	"never/insurers":              {"Ni l'Assurance maladie, ni les complémentaires, ni les banques n'ont jamais accès aux espaces de santé.", "Neither the health insurance, nor complementary insurers, nor banks ever have access to the health spaces."},
	"never/employers":             {"Un employeur n'a jamais accès aux espaces de santé.", "An employer never has access to the health spaces."},
	"never/state":                 {"L'État n'a jamais accès aux espaces de santé.", "The State never has access to the health spaces."},
	"actor/unknown":               {"La personne qui demande n'est pas identifiée, ou n'a pas de boîte ici.", "The person who asks is not identified, or has no mailbox here."},
	"actor/suspended":             {"Ce compte est suspendu. Adressez-vous à l'opérateur de la messagerie.", "This account is suspended. Ask the operator of the mail service."},
	"administrator/never-content": {"Le personnel de l'opérateur fait fonctionner le service ; il n'a jamais accès aux messages ni aux documents.", "The operator's staff runs the service; it never has access to messages or documents."},

	"sender/not-yours":                           {"L'adresse d'expéditeur manque ou n'est pas la vôtre : on n'écrit pas au nom d'un autre.", "The sender's address is missing or not yours: nobody writes in the name of another."},
	"thread/patients-do-not-write-to-each-other": {"La messagerie relie les patients et les professionnels ; les patients ne s'y écrivent pas entre eux.", "The mail service links patients and professionals; patients do not write to each other with it."},
	"document/not-yours":                         {"Ce dossier n'est pas le vôtre.", "This record is not yours."},

	"space/unknown":      {"Il n'y a pas d'espace de santé à cette adresse.", "There is no health space at this address."},
	"space/never-opened": {"Cet espace de santé n'a pas encore été ouvert : il ne reçoit rien et ne montre rien.", "This health space has not been opened yet: it receives nothing and shows nothing."},
	"space/opposed":      {"La personne s'est opposée à l'ouverture de son espace de santé.", "The person objected to the opening of their health space."},
	"space/closed":       {"Cet espace de santé a été fermé par la personne à qui il appartient.", "This health space was closed by the person it belongs to."},
	"space/archived":     {"Cet espace de santé est fermé et archivé.", "This health space is closed and archived."},
	"space/erased":       {"Cet espace de santé a été effacé.", "This health space was erased."},

	"block/by-patient":     {"Le patient a bloqué ce professionnel.", "The patient has blocked this professional."},
	"block/lift-to-answer": {"Vous avez bloqué ce professionnel : débloquez-le pour lui écrire.", "You have blocked this professional: unblock them to write to them."},

	"login/known": {"Cette personne peut ouvrir une session.", "This person may log in."},

	"thread/professional-ends":          {"Le professionnel met fin à son échange avec le patient.", "The professional ends their exchange with the patient."},
	"thread/only-its-professional-ends": {"Seul le professionnel qui mène cet échange peut y mettre fin.", "Only the professional who leads this exchange may end it."},
	"thread/professional-opens":         {"Le professionnel ouvre un échange avec le patient.", "The professional opens an exchange with the patient."},
	"thread/professional-reopens":       {"Le professionnel rouvre l'échange auquel il avait mis fin.", "The professional opens again the exchange they had ended."},
	"thread/professional-continues":     {"Le professionnel poursuit un échange ouvert avec le patient.", "The professional continues an open exchange with the patient."},
	"thread/only-professionals-open":    {"Vous ne pouvez écrire qu'aux professionnels qui vous ont déjà écrit.", "You may write only to professionals who have already written to you."},
	"thread/ended":                      {"Ce professionnel a mis fin à vos échanges : il faut attendre qu'il vous écrive à nouveau.", "This professional has ended your exchange: you have to wait until they write to you again."},
	"thread/answer-elsewhere":           {"Ce professionnel a demandé que les réponses soient envoyées à une autre adresse : répondez à son dernier message.", "This professional asked for answers to be sent to another address: reply to their last message."},
	"thread/patient-answers":            {"Le patient écrit à un professionnel qui lui a écrit et n'a pas mis fin à l'échange.", "The patient writes to a professional who wrote to them and has not ended the exchange."},
	"reply-to/same-person":              {"L'adresse de réponse appartient à l'expéditeur.", "The address for answers belongs to the sender."},
	"reply-to/same-establishment":       {"L'adresse de réponse appartient à l'établissement de l'expéditeur.", "The address for answers belongs to the sender's establishment."},
	"reply-to/stranger":                 {"L'adresse de réponse n'est ni à l'expéditeur ni à son établissement : elle est sans effet.", "The address for answers is neither the sender's nor their establishment's: it is without effect."},

	"mail/no-relay":              {"Un message d'un autre opérateur n'est pas relayé vers un autre opérateur.", "A message from another operator is not relayed to another operator."},
	"mail/unknown-address":       {"Il n'y a pas de boîte à cette adresse.", "There is no mailbox at this address."},
	"mail/between-professionals": {"Professionnels, organisations et applications s'écrivent librement dans l'espace de confiance.", "Professionals, organisations and applications write to each other freely within the trust space."},

	"mailbox/partner-has-none": {"Les boîtes d'un autre opérateur se consultent chez lui.", "Mailboxes of another operator are read there."},
	"mailbox/unnamed-device":   {"Une boîte partagée s'ouvre à un membre ou à un appareil désigné par son nom, pour que l'on sache qui a lu.", "A shared mailbox opens to a member or to a device known by its name, so that one can tell who has read."},
	"mailbox/own":              {"Chacun dispose de sa propre boîte.", "Everyone has the use of their own mailbox."},
	"mailbox/member":           {"Cette personne est membre de la boîte partagée.", "This person is a member of the shared mailbox."},
	"mailbox/not-yours":        {"Cette boîte n'est pas la vôtre.", "This mailbox is not yours."},

	"document/withdrawn":                   {"Ce document a été retiré par son auteur.", "This document was withdrawn by its author."},
	"document/hidden-from-patient":         {"Ce document attend d'être annoncé au patient par un professionnel ; il sera visible au plus tard un mois après son dépôt.", "This document waits to be announced to the patient by a professional; it will be visible one month after filing at the latest."},
	"document/hidden-from-representatives": {"Ce document n'est pas visible des représentants légaux, pour préserver le secret du mineur.", "This document is not visible to legal representatives, to keep the minor's secret."},
	"document/owner-reads":                 {"Chacun lit son propre dossier.", "Everyone reads their own record."},
	"document/representative-reads":        {"Le représentant légal lit le dossier de la personne qu'il représente.", "The legal representative reads the record of the person they represent."},
	"document/representative-only-reads":   {"Le représentant légal lit ce dossier mais ne le modifie pas.", "The legal representative reads this record but does not change it."},

	"document/owner-deposits":         {"Chacun ajoute des documents à son propre dossier.", "Everyone adds documents to their own record."},
	"document/professional-files":     {"Le professionnel ajoute un document au dossier du patient, comme la loi lui en fait devoir.", "The professional adds a document to the patient's record, as the law requires."},
	"document/author-amends":          {"L'auteur d'un document peut le remplacer ou le retirer.", "The author of a document may replace or withdraw it."},
	"document/establishment-amends":   {"L'établissement qui a déposé un document peut le remplacer ou le retirer.", "The establishment that filed a document may replace or withdraw it."},
	"document/owner-amends-deposit":   {"Le patient peut remplacer ou retirer un document qu'il a déposé lui-même.", "The patient may replace or withdraw a document they deposited themselves."},
	"document/not-the-author":         {"Seul l'auteur d'un document, ou son établissement, peut le remplacer ou le retirer.", "Only the author of a document, or their establishment, may replace or withdraw it."},
	"document/owner-masks":            {"Le patient peut masquer un document aux professionnels, ou le leur montrer à nouveau.", "The patient may mask a document from professionals, or show it to them again."},
	"document/administrator-masks":    {"Le professionnel à qui le patient a confié l'administration de son dossier peut masquer un document.", "The professional to whom the patient entrusted the administration of their record may mask a document."},
	"document/only-the-patient-masks": {"Seul le patient, ou le professionnel à qui il a confié l'administration de son dossier, peut masquer un document.", "Only the patient, or the professional to whom they entrusted the administration of their record, may mask a document."},

	"document/only-named-persons-read": {"Un dossier n'est lu que par un professionnel désigné par son nom, jamais par une organisation ou un logiciel.", "A record is read only by a professional known by name, never by an organisation or a program."},
	"document/author-reads":            {"Le professionnel relit un document qu'il a déposé lui-même.", "The professional reads a document they filed themselves."},
	"document/restricted":              {"Ce document est d'une confidentialité restreinte : il n'est pas partagé.", "This document is of restricted confidentiality: it is not shared."},
	"document/masked":                  {"Le patient a masqué ce document aux professionnels.", "The patient has masked this document from professionals."},
	"habilitation/not-this-type":       {"La matrice d'habilitation n'ouvre pas ce type de document à cette profession.", "The habilitation matrix does not open this type of document to this profession."},
	"habilitation/not-this-profession": {"La matrice d'habilitation n'ouvre aucun type de document à cette profession.", "The habilitation matrix opens no type of document to this profession."},

	"access/treating-physician": {"Le médecin traitant a accès au dossier de son patient.", "The treating physician has access to their patient's record."},
	"access/administrator":      {"Le patient a confié l'administration de son dossier à ce professionnel.", "The patient entrusted the administration of their record to this professional."},
	"emergency/break-glass":     {"Accès en urgence, par bris de glace, pour une durée limitée ; le patient et son médecin traitant en sont avertis.", "Emergency access by breaking the glass, for a limited time; the patient and their treating physician are told."},
	"emergency/centre-15":       {"Accès en urgence par le médecin régulateur du SAMU, pour une durée limitée ; le patient et son médecin traitant en sont avertis.", "Emergency access by the regulating physician of the SAMU, for a limited time; the patient and their treating physician are told."},
	"access/consent":            {"Le patient a donné son accord à ce professionnel.", "The patient gave this professional their consent."},
	"access/care-team":          {"Ce professionnel fait partie de l'équipe de soins et le patient ne s'y est pas opposé.", "This professional belongs to the care team and the patient has not objected."},

	"emergency/opposed":        {"Le patient s'est opposé à cet accès en urgence.", "The patient has objected to this emergency access."},
	"emergency/ended":          {"L'accès en urgence est terminé.", "The emergency access has ended."},
	"access/care-team-opposed": {"Le patient s'est opposé à l'accès de son équipe de soins : il faut son accord exprès.", "The patient has objected to access by their care team: their express consent is needed."},
	"access/no-consent":        {"Le patient n'a pas donné son accord à ce professionnel.", "The patient has not given this professional their consent."},
	"emergency/no-reason":      {"Un accès en urgence demande un motif, écrit en toutes lettres.", "An emergency access needs a reason, in words."},
	"emergency/granted":        {"Un accès en urgence est accordé, pour une durée limitée ; le patient et son médecin traitant en sont avertis.", "An emergency access is granted, for a limited time; the patient and their treating physician are told."},

	DefaultDeny: {"Aucune règle n'autorise cet acte.", "No rule allows this act."},
}
