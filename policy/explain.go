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

	"delegation/none":  {"On n'écrit qu'en son nom, ou au nom d'une personne qui vous l'a confié.", "One writes in one's own name only, or in the name of a person who entrusted it."},
	"delegation/ended": {"Cette délégation a pris fin : la personne décide désormais elle-même, ou par d'autres.", "This delegation has ended: the person now decides alone, or through others."},

	"trail/only-the-patient":      {"Le relevé des accès appartient au patient : ni un professionnel ni le personnel de l'opérateur ne le consulte.", "The record of accesses belongs to the patient: neither a professional nor the operator's staff consults it."},
	"life/only-the-patient":       {"Seule la personne concernée, ou son représentant légal, décide d'ouvrir, de refuser ou de fermer un espace de santé.", "Only the person concerned, or their legal representative, decides to open, refuse or close a health space."},
	"delegation/only-the-patient": {"Seule la personne concernée, ou son représentant légal, désigne un aidant ou un second représentant.", "Only the person concerned, or their legal representative, names a carer or a second representative."},
	"export/only-the-patient":     {"Seule la personne concernée, ou son représentant légal, emporte une copie de tout le dossier.", "Only the person concerned, or their legal representative, takes away a copy of the whole record."},
	"filing/only-the-patient":     {"Seule la personne concernée, ou son représentant légal, range les documents de son dossier.", "Only the person concerned, or their legal representative, keeps the documents of their record in order."},
	"choices/only-the-patient":    {"Seul le patient, ou son représentant légal, décide qui a accès à son dossier.", "Only the patient, or their legal representative, decides who has access to their record."},

	"space/unknown":      {"Il n'y a pas d'espace de santé à cette adresse.", "There is no health space at this address."},
	"space/never-opened": {"Cet espace de santé n'a pas encore été ouvert : il ne reçoit rien et ne montre rien.", "This health space has not been opened yet: it receives nothing and shows nothing."},
	"space/opposed":      {"La personne s'est opposée à l'ouverture de son espace de santé.", "The person objected to the opening of their health space."},
	"space/closed":       {"Cet espace de santé a été fermé par la personne à qui il appartient.", "This health space was closed by the person it belongs to."},
	"space/archived":     {"Cet espace de santé est fermé et archivé.", "This health space is closed and archived."},
	"space/erased":       {"Cet espace de santé a été effacé.", "This health space was erased."},

	"block/by-patient":     {"Le patient a bloqué ce professionnel.", "The patient has blocked this professional."},
	"block/lift-to-answer": {"Vous avez bloqué ce professionnel : débloquez-le pour lui écrire.", "You have blocked this professional: unblock them to write to them."},

	"carer/not-entrusted": {"Le patient n'a pas confié cela à son aidant.", "The patient has not entrusted this to their carer."},

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
	"mailbox/representative":   {"Le représentant légal utilise la messagerie de la personne qu'il représente.", "The legal representative uses the mailbox of the person they represent."},
	"carer/uses-mailbox":       {"Le patient a confié la lecture de ses messages à cet aidant.", "The patient entrusted the reading of their messages to this carer."},
	"mailbox/not-yours":        {"Cette boîte n'est pas la vôtre.", "This mailbox is not yours."},

	"document/withdrawn":                   {"Ce document a été retiré par son auteur.", "This document was withdrawn by its author."},
	"document/hidden-from-patient":         {"Ce document attend d'être annoncé au patient par un professionnel ; il sera visible au plus tard un mois après son dépôt.", "This document waits to be announced to the patient by a professional; it will be visible one month after filing at the latest."},
	"document/hidden-from-representatives": {"Ce document n'est visible ni des représentants légaux ni des aidants, pour préserver le secret du mineur.", "This document is visible neither to legal representatives nor to carers, to keep the minor's secret."},
	"document/owner-reads":                 {"Chacun lit son propre dossier.", "Everyone reads their own record."},
	"document/representative-reads":        {"Le représentant légal lit le dossier de la personne qu'il représente.", "The legal representative reads the record of the person they represent."},
	"carer/reads-documents":                {"Le patient a confié la lecture de son dossier à cet aidant.", "The patient entrusted the reading of their record to this carer."},

	"trail/owner-reads":                 {"Chacun consulte le relevé des accès à son propre dossier.", "Everyone consults the record of accesses to their own record."},
	"trail/representative-reads":        {"Le représentant légal consulte le relevé des accès au dossier de la personne qu'il représente.", "The legal representative consults the record of accesses to the record of the person they represent."},
	"carer/reads-trail":                 {"Le patient a confié la lecture du relevé des accès à cet aidant.", "The patient entrusted the reading of the record of accesses to this carer."},
	"life/owner-decides":                {"Chacun décide d'ouvrir, de refuser, de fermer ou de faire effacer son propre espace de santé.", "Everyone decides to open, refuse, close or have erased their own health space."},
	"life/representative-decides":       {"Le représentant légal décide pour la personne qu'il représente d'ouvrir, de refuser ou de fermer l'espace de santé.", "The legal representative decides for the person they represent to open, refuse or close the health space."},
	"delegation/owner-names":            {"Chacun désigne ses aidants, et met fin à leur mission.", "Everyone names their carers, and ends their mission."},
	"delegation/representative-names":   {"Le représentant légal désigne un second représentant ou un aidant pour la personne qu'il représente.", "The legal representative names a second representative or a carer for the person they represent."},
	"export/owner-takes":                {"Chacun peut emporter une copie de tout son dossier.", "Everyone may take away a copy of their whole record."},
	"export/representative-takes":       {"Le représentant légal peut emporter une copie du dossier de la personne qu'il représente.", "The legal representative may take away a copy of the record of the person they represent."},
	"filing/owner-arranges":             {"Chaque personne range elle-même les documents de son dossier.", "Everybody keeps the documents of their own record in order."},
	"filing/representative-arranges":    {"Le représentant légal range les documents de la personne qu'il représente.", "The legal representative keeps the documents of the person they stand for in order."},
	"choices/owner-decides":             {"Chacun décide qui a accès à son dossier.", "Everyone decides who has access to their record."},
	"choices/representative-decides":    {"Le représentant légal décide qui a accès au dossier de la personne qu'il représente.", "The legal representative decides who has access to the record of the person they represent."},
	"choices/administrator-blocks":      {"Le professionnel à qui le patient a confié l'administration de son dossier peut bloquer un autre professionnel.", "The professional to whom the patient entrusted the administration of their record may block another professional."},
	"choices/administrator-only-blocks": {"Le professionnel à qui le patient a confié l'administration de son dossier peut bloquer un professionnel ; tout autre choix revient au patient.", "The professional to whom the patient entrusted the administration of their record may block a professional; every other choice is the patient's."},

	"flags/patient-hides-from-themselves": {"Un patient ne se cache pas à lui-même un document.", "A patient does not hide a document from themselves."},
	"flags/masked-and-hidden":             {"Un document ne peut être à la fois masqué aux professionnels et caché au patient.", "A document cannot be both masked from professionals and hidden from the patient."},
	"flags/masked-before-announcement":    {"Un document qui attend d'être annoncé au patient ne peut être masqué aux professionnels.", "A document that waits to be announced to the patient cannot be masked from professionals."},
	"flags/hidden-twice":                  {"Un document caché au patient l'est déjà à ses représentants : les deux mentions ne vont pas ensemble.", "A document hidden from the patient is hidden from their representatives already: the two flags do not go together."},
	"flags/secret-connection":             {"En connexion secrète, on ne dépose que des documents invisibles des représentants légaux.", "In a secret connection only documents invisible to legal representatives may be filed."},
	"flags/hidden-to-patient":             {"Un document caché au patient ne peut être envoyé à sa messagerie.", "A document hidden from the patient cannot be sent to their mailbox."},
	"flags/secret-to-patient":             {"En connexion secrète, rien n'est envoyé à la messagerie du mineur, que ses représentants peuvent lire.", "In a secret connection nothing is sent to the minor's mailbox, which their representatives may read."},
	"flags/masked-to-professional":        {"Un document masqué aux professionnels ne peut être envoyé à un professionnel.", "A document masked from professionals cannot be sent to a professional."},
	"flags/secret-to-professional":        {"Un document invisible des représentants légaux ne peut être envoyé à un professionnel par cette voie.", "A document invisible to legal representatives cannot be sent to a professional this way."},
	"flags/permitted":                     {"Ces mentions peuvent aller ensemble.", "These flags may go together."},

	"document/owner-deposits":                {"Chacun ajoute des documents à son propre dossier.", "Everyone adds documents to their own record."},
	"document/representative-deposits":       {"Le représentant légal ajoute des documents au dossier de la personne qu'il représente.", "The legal representative adds documents to the record of the person they represent."},
	"document/professional-files":            {"Le professionnel ajoute un document au dossier du patient, comme la loi lui en fait devoir.", "The professional adds a document to the patient's record, as the law requires."},
	"document/author-amends":                 {"L'auteur d'un document peut le remplacer, l'archiver, le retirer ou le rétablir.", "The author of a document may replace, archive, withdraw or restore it."},
	"document/establishment-amends":          {"L'établissement qui a déposé un document peut le remplacer, l'archiver, le retirer ou le rétablir.", "The establishment that filed a document may replace, archive, withdraw or restore it."},
	"document/owner-amends-deposit":          {"Le patient peut remplacer, archiver, retirer ou rétablir un document qu'il a déposé lui-même.", "The patient may replace, archive, withdraw or restore a document they deposited themselves."},
	"document/representative-amends-deposit": {"Le représentant légal peut remplacer, archiver, retirer ou rétablir un document déposé au nom de la personne qu'il représente.", "The legal representative may replace, archive, withdraw or restore a document deposited in the name of the person they represent."},
	"document/not-the-author":                {"Seul l'auteur d'un document, ou son établissement, peut le remplacer, l'archiver, le retirer ou le rétablir.", "Only the author of a document, or their establishment, may replace, archive, withdraw or restore it."},
	"document/owner-masks":                   {"Le patient peut masquer un document aux professionnels, ou le leur montrer à nouveau.", "The patient may mask a document from professionals, or show it to them again."},
	"document/representative-masks":          {"Le représentant légal peut masquer aux professionnels un document de la personne qu'il représente, ou le leur montrer à nouveau.", "The legal representative may mask from professionals a document of the person they represent, or show it to them again."},
	"document/administrator-masks":           {"Le professionnel à qui le patient a confié l'administration de son dossier peut masquer un document.", "The professional to whom the patient entrusted the administration of their record may mask a document."},
	"document/only-the-patient-masks":        {"Seul le patient, ou le professionnel à qui il a confié l'administration de son dossier, peut masquer un document.", "Only the patient, or the professional to whom they entrusted the administration of their record, may mask a document."},

	"announcement/author-hides":                 {"L'auteur d'un document peut, en le déposant, le cacher au patient jusqu'à ce qu'il le lui annonce.", "The author of a document may, when filing it, hide it from the patient until they announce it."},
	"announcement/establishment-hides":          {"L'établissement qui dépose un document peut le cacher au patient jusqu'à ce qu'il lui soit annoncé.", "The establishment that files a document may hide it from the patient until it is announced."},
	"announcement/author-announces":             {"L'auteur du document l'annonce au patient, qui peut dès lors le lire.", "The author of the document announces it to the patient, who may read it from then on."},
	"announcement/establishment-announces":      {"L'établissement qui a déposé le document l'annonce au patient, qui peut dès lors le lire.", "The establishment that filed the document announces it to the patient, who may read it from then on."},
	"announcement/treating-physician-announces": {"Le médecin traitant annonce le document au patient, qui peut dès lors le lire.", "The treating physician announces the document to the patient, who may read it from then on."},
	"announcement/only-at-filing":               {"Un document ne peut être caché au patient qu'à son dépôt : il a pu le lire depuis.", "A document can be hidden from the patient only when it is filed: they may have read it since."},
	"announcement/not-yours":                    {"Seuls l'auteur d'un document, son établissement et le médecin traitant décident de son annonce au patient.", "Only the author of a document, their establishment and the treating physician decide on its announcement to the patient."},
	"secret/minor-keeps":                        {"Chacun peut garder un document à l'abri de ses représentants légaux et de ses aidants, ou le leur montrer.", "Everyone may keep a document from their legal representatives and carers, or show it to them."},
	"secret/author-keeps":                       {"En connexion secrète, l'auteur d'un document peut le rendre invisible des représentants légaux, ou le leur montrer.", "In a secret connection the author of a document may make it invisible to legal representatives, or show it to them."},
	"secret/needs-secret-connection":            {"Rendre un document invisible des représentants légaux, ou le leur montrer, demande une connexion secrète.", "Making a document invisible to legal representatives, or showing it to them, needs a secret connection."},
	"secret/not-yours":                          {"Seuls le mineur lui-même, et l'auteur du document en connexion secrète, décident de le garder à l'abri des représentants légaux.", "Only the minor, and the author of the document in a secret connection, decide to keep it from legal representatives."},

	"document/only-named-persons-read": {"Un dossier n'est lu que par un professionnel désigné par son nom, jamais par une organisation ou un logiciel.", "A record is read only by a professional known by name, never by an organisation or a program."},
	"document/author-reads":            {"Le professionnel relit un document qu'il a déposé lui-même.", "The professional reads a document they filed themselves."},
	"document/restricted":              {"Ce document est d'une confidentialité restreinte : il n'est pas partagé.", "This document is of restricted confidentiality: it is not shared."},
	"document/masked":                  {"Le patient a masqué ce document aux professionnels.", "The patient has masked this document from professionals."},
	"habilitation/not-this-type":       {"Les règles en vigueur (matrice d'habilitation) n'ouvrent pas ce type de document à cette profession.", "The rules in force (habilitation matrix) do not open this type of document to this profession."},
	"habilitation/not-this-profession": {"Les règles en vigueur (matrice d'habilitation) n'ouvrent aucun type de document à cette profession.", "The rules in force (habilitation matrix) open no type of document to this profession."},

	"access/treating-physician": {"Le médecin traitant a accès au dossier de son patient.", "The treating physician has access to their patient's record."},
	"access/administrator":      {"Le patient a confié l'administration de son dossier à ce professionnel.", "The patient entrusted the administration of their record to this professional."},
	"emergency/break-glass":     {"Accès en urgence (« bris de glace »), pour une durée limitée ; le patient et son médecin traitant en sont avertis.", "Emergency access (“break glass”), for a limited time; the patient and their treating physician are told."},
	"emergency/centre-15":       {"Accès en urgence par le médecin régulateur du SAMU, pour une durée limitée ; le patient et son médecin traitant en sont avertis.", "Emergency access by the regulating physician of the SAMU, for a limited time; the patient and their treating physician are told."},
	"access/consent":            {"Le patient a donné son accord à ce professionnel.", "The patient gave this professional their consent."},
	"access/care-team":          {"Ce professionnel fait partie de l'équipe de soins et le patient ne s'y est pas opposé.", "This professional belongs to the care team and the patient has not objected."},

	"emergency/opposed":          {"Le patient s'est opposé à cet accès en urgence.", "The patient has objected to this emergency access."},
	"emergency/patient-objected": {"Le patient s'est opposé à l'accès à son dossier en urgence : il ne peut être ouvert ainsi.", "The patient has objected to emergency access to their record: it cannot be opened this way."},
	"emergency/ended":            {"L'accès en urgence est terminé.", "The emergency access has ended."},
	"access/care-team-opposed":   {"Le patient s'est opposé à l'accès de son équipe de soins : il faut son accord exprès.", "The patient has objected to access by their care team: their express consent is needed."},
	"access/no-consent":          {"Le patient n'a pas donné son accord à ce professionnel.", "The patient has not given this professional their consent."},
	"emergency/no-reason":        {"Un accès en urgence demande un motif, écrit en toutes lettres.", "An emergency access needs a reason, in words."},
	"emergency/granted":          {"Un accès en urgence est accordé, pour une durée limitée ; le patient et son médecin traitant en sont avertis.", "An emergency access is granted, for a limited time; the patient and their treating physician are told."},

	"care/team-opposed":     {"Le patient s'est opposé à l'accès de son équipe de soins : il faut recueillir son accord exprès.", "The patient has objected to access by their care team: their express consent must be obtained."},
	"care/team-declared":    {"Ce professionnel déclare faire partie de l'équipe de soins ; le patient en est averti.", "This professional declares to belong to the care team; the patient is told."},
	"care/consent-declared": {"Ce professionnel déclare avoir recueilli l'accord du patient, qui en est averti.", "This professional declares to have obtained the consent of the patient, who is told."},

	DefaultDeny: {"Aucune règle n'autorise cet acte.", "No rule allows this act."},
}
