package audit

import (
	"maps"
	"slices"
)

// An action is the words of one act, for after the name of the actor: what was
// done, and what was asked for and refused.
type action struct {
	group  Group
	fr, en string // done: "a lu un document", "read a document"
	toFR   string // refused: "lire un document"
	toEN   string // "read a document"
}

// Acts that policy does not judge, and that more than one file names.
const (
	ActAppend       = "append-message"
	ActExpunge      = "expunge-messages"
	ActCharge       = "take-charge"
	ActDeleteFolder = "delete-folder"
	ActReadTrail    = "read-trail"
	ActExportTrail  = "export-trail"
	ActTaken        = "end-export" // how an export of everything ended…
	ActCut          = "cut-export" // …whole, or not
	ActReadNews     = "read-news"
	ActRegister     = "register"
	ActRotateHubKey = "rotate-hub-key"
	ActRotateKey    = "rotate-owner-key"
	ActAdoptRights  = "adopt-rights"
)

// enrolling are the acts of an operator that belong to the enrolment of a
// patient.
var enrolling = map[string]bool{"enrol": true, "notice": true, "activate": true, "oppose": true, "print-letter": true, ActRegister: true}

// Acts lists the names of all acts there are, sorted.
func Acts() []string { return slices.Sorted(maps.Keys(actions)) }

// actions is the closed list of acts. A new act is added here, with its words,
// where it belongs: the tests of this package and of the door hold it complete.
var actions = map[string]action{
	// Mail.
	"send-mail":     {General, "a envoyé un message", "sent a message", "envoyer un message", "send a message"},
	"end-thread":    {General, "a mis fin à l'échange", "ended the exchange", "mettre fin à l'échange", "end the exchange"},
	"name-reply-to": {General, "a demandé les réponses à une autre adresse", "asked for answers at another address", "recevoir les réponses à une autre adresse", "have answers go to another address"},
	"use-mailbox":   {General, "a consulté des messages", "looked at messages", "consulter des messages", "look at messages"},
	ActAppend:       {General, "a rangé un message", "put a message away", "ranger un message", "put a message away"},
	ActCharge:       {General, "a changé qui suit un message", "changed who sees to a message", "changer qui suit un message", "change who sees to a message"},
	ActExpunge:      {General, "a effacé des messages", "deleted messages", "effacer des messages", "delete messages"},
	ActDeleteFolder: {General, "a supprimé un dossier de messages", "deleted a folder of messages", "supprimer un dossier de messages", "delete a folder of messages"},
	"notify":        {General, "a déposé un avis de remise", "left a notice of delivery", "déposer un avis de remise", "leave a notice of delivery"},
	"add-member":    {General, "a donné accès à une boîte partagée", "gave access to a shared mailbox", "donner accès à une boîte partagée", "give access to a shared mailbox"},
	"remove-member": {General, "a retiré l'accès à une boîte partagée", "took away access to a shared mailbox", "retirer l'accès à une boîte partagée", "take away access to a shared mailbox"},
	"allowance":     {General, "a changé une limite d'envoi", "changed a limit on sending", "changer une limite d'envoi", "change a limit on sending"},

	// Documents.
	"list-documents":            {MedicalDocument, "a consulté la liste des documents", "looked at the list of documents", "consulter la liste des documents", "look at the list of documents"},
	"read-document":             {MedicalDocument, "a lu un document", "read a document", "lire un document", "read a document"},
	"file-document":             {MedicalDocument, "a déposé un document", "filed a document", "déposer un document", "file a document"},
	"set-flags":                 {MedicalDocument, "a choisi la visibilité d'un document à son dépôt", "chose the visibility of a document at filing", "choisir la visibilité d'un document à son dépôt", "choose the visibility of a document at filing"},
	"amend-document":            {MedicalDocument, "a remplacé ou retiré un document", "replaced or withdrew a document", "remplacer ou retirer un document", "replace or withdraw a document"},
	"mask-document":             {MedicalDocument, "a changé qui peut voir un document", "changed who may see a document", "changer qui peut voir un document", "change who may see a document"},
	"hide-document":             {MedicalDocument, "a changé l'annonce d'un document au patient", "changed whether a document waits to be announced", "changer l'annonce d'un document au patient", "change whether a document waits to be announced"},
	"hide-from-representatives": {MedicalDocument, "a changé la visibilité d'un document pour les représentants légaux", "changed whether legal representatives see a document", "changer la visibilité d'un document pour les représentants légaux", "change whether legal representatives see a document"},
	"archive-document":          {MedicalDocument, "a archivé un document", "archived a document", "archiver un document", "archive a document"},
	"restore-document":          {MedicalDocument, "a rétabli un document", "restored a document", "rétablir un document", "restore a document"},
	"export-record":             {MedicalDocument, "a exporté tout le dossier", "exported the whole record", "exporter tout le dossier", "export the whole record"},
	"arrange-record":            {MedicalDocument, "a rangé des documents", "put documents in order", "ranger des documents", "put documents in order"},
	"download-documents":        {MedicalDocument, "a téléchargé plusieurs documents", "downloaded several documents", "télécharger plusieurs documents", "download several documents"},
	"list-withdrawn":            {MedicalDocument, "a consulté la corbeille", "looked at the documents that were deleted", "consulter la corbeille", "look at the documents that were deleted"},
	"search-documents":          {MedicalDocument, "a cherché parmi les documents", "searched the documents", "chercher parmi les documents", "search the documents"},
	ActTaken:                    {General, "a reçu tout le dossier, jusqu'au bout", "received the whole record, to its end", "recevoir tout le dossier", "receive the whole record"},
	ActCut:                      {General, "n'a pas reçu la fin du dossier qui était exporté", "did not receive the end of the record that was exported", "recevoir tout le dossier", "receive the whole record"},
	"export":                    {MedicalDocument, "a exporté les documents, chiffrés pour une clé du titulaire", "exported the documents, encrypted for a key of the holder", "exporter les documents", "export the documents"},
	"tell-announcement":         {MedicalDocument, "a dit au titulaire qu'un document attend d'être annoncé", "told the holder that a document waits to be announced", "dire au titulaire qu'un document attend", "tell the holder that a document waits"},
	"announce-by-time":          {MedicalDocument, "a montré un document que personne n'avait annoncé dans le mois", "showed a document that nobody had announced within the month", "montrer un document qui n'a pas été annoncé", "show a document that was not announced"},
	"list-doubts":               {General, "a consulté la liste des documents à l'identité douteuse", "looked at the list of documents of doubtful identity", "consulter la liste des documents à l'identité douteuse", "look at the list of documents of doubtful identity"},
	"confirm-identity":          {MedicalDocument, "a confirmé l'identité d'un document", "confirmed the identity of a document", "confirmer l'identité d'un document", "confirm the identity of a document"},
	"withdraw-doubtful":         {MedicalDocument, "a retiré un document à l'identité douteuse", "withdrew a document of doubtful identity", "retirer un document à l'identité douteuse", "withdraw a document of doubtful identity"},

	// Who may see the record.
	"find-patient":           {General, "a demandé s'il y a un dossier", "asked whether there is a record", "savoir s'il y a un dossier", "know whether there is a record"},
	"declare-care":           {MedicalDocument, "a déclaré pouvoir consulter le dossier", "declared that they may look at the record", "déclarer pouvoir consulter le dossier", "declare that they may look at the record"},
	"break-glass":            {MedicalDocument, "a demandé un accès en urgence, qui lui a été donné", "asked for an emergency access, which was given", "accéder en urgence", "have an emergency access"},
	"end-emergency":          {MedicalDocument, "a mis fin à son accès en urgence", "ended their emergency access", "mettre fin à un accès en urgence", "end an emergency access"},
	"manage-access":          {General, "a consulté les réglages d'accès au dossier", "looked at who may see the record", "consulter les réglages d'accès au dossier", "look at who may see the record"},
	"give-consent":           {General, "a autorisé un professionnel", "gave a professional consent", "autoriser un professionnel", "give a professional consent"},
	"withdraw-consent":       {General, "a retiré l'autorisation d'un professionnel", "withdrew the consent to a professional", "retirer l'autorisation d'un professionnel", "withdraw the consent to a professional"},
	"oppose-care-team":       {General, "s'est opposé à l'accès d'un professionnel au titre de l'équipe de soins", "objected to the access of a professional as one of the care team", "s'opposer à l'accès d'un professionnel au titre de l'équipe de soins", "object to the access of a professional as one of the care team"},
	"admit-care-team":        {General, "a retiré cette opposition", "took that objection back", "retirer cette opposition", "take that objection back"},
	"name-role":              {General, "a changé le rôle d'un professionnel (médecin traitant …)", "changed the role of a professional (treating physician …)", "changer le rôle d'un professionnel", "change the role of a professional"},
	"grant-administrator":    {General, "a confié l'administration du dossier à un professionnel", "entrusted a professional with the administration of the record", "confier l'administration du dossier à un professionnel", "entrust a professional with the administration of the record"},
	"withdraw-administrator": {General, "a retiré à un professionnel l'administration du dossier", "took the administration of the record from a professional", "retirer à un professionnel l'administration du dossier", "take the administration of the record from a professional"},
	"remove-professional":    {General, "a retiré tous les droits d'un professionnel", "took the rights of a professional away", "retirer tous les droits d'un professionnel", "take the rights of a professional away"},
	"block":                  {General, "a bloqué un professionnel", "blocked a professional", "bloquer un professionnel", "block a professional"},
	"unblock":                {General, "a débloqué un professionnel", "unblocked a professional", "débloquer un professionnel", "unblock a professional"},
	"choose":                 {General, "a changé les réglages du dossier", "changed the settings of the record", "changer les réglages du dossier", "change the settings of the record"},
	"see-who":                {General, "a demandé qui peut voir un document", "asked who can see a document", "savoir qui peut voir un document", "know who can see a document"},
	"see-as":                 {General, "a regardé ce qu'un professionnel voit du dossier", "looked at what a professional sees of the record", "regarder ce qu'un professionnel voit du dossier", "look at what a professional sees of the record"},

	// What is asked of the trail and the rules.
	ActReadNews:           {General, "a consulté l'accueil de l'espace", "looked at the home of the space", "consulter l'accueil de l'espace", "look at the home of the space"},
	ActReadTrail:          {General, "a consulté cet historique", "looked at this history", "consulter cet historique", "look at this history"},
	ActExportTrail:        {General, "a exporté l'historique des accès", "exported the history of accesses", "exporter l'historique des accès", "export the history of accesses"},
	"export-sealed-trail": {General, "a exporté l'historique scellé, pour une demande légale", "exported the sealed history, for a legal request", "exporter l'historique scellé", "export the sealed history"},
	"why":                 {General, "a demandé pourquoi un message serait admis ou refusé", "asked why a message would be allowed or refused", "savoir pourquoi un message serait admis ou refusé", "know why a message would be allowed or refused"},
	"why-document":        {General, "a demandé pourquoi un document serait montré ou non", "asked why a document would be shown or not", "savoir pourquoi un document serait montré ou non", "know why a document would be shown or not"},
	"apply-matrix":        {General, "a appliqué une matrice d'habilitation", "applied a habilitation matrix", "appliquer une matrice d'habilitation", "apply a habilitation matrix"},

	// The life of the space.
	"enrol":              {General, "a créé cet espace", "made this space", "créer cet espace", "make this space"},
	ActRegister:          {General, "a pris en compte ce que dit le registre des assurés", "took over what the register of the insured says", "prendre en compte ce que dit le registre des assurés", "take over what the register of the insured says"},
	"notice":             {General, "a annoncé cet espace à son titulaire", "announced this space to its holder", "annoncer cet espace à son titulaire", "announce this space to its holder"},
	"print-letter":       {General, "a imprimé la lettre d'annonce de cet espace", "printed the letter that announces this space", "imprimer la lettre d'annonce de cet espace", "print the letter that announces this space"},
	"decide-opening":     {General, "a choisi d'ouvrir cet espace", "chose to open this space", "choisir d'ouvrir cet espace", "choose to open this space"},
	"accept-terms":       {General, "a accepté les conditions d'utilisation", "accepted the terms of use", "accepter les conditions d'utilisation", "accept the terms of use"},
	"choose-credentials": {General, "a choisi un identifiant et un mot de passe", "chose a login and a password", "choisir un identifiant et un mot de passe", "choose a login and a password"},
	"activate":           {General, "a ouvert cet espace", "opened this space", "ouvrir cet espace", "open this space"},
	"oppose":             {General, "a enregistré l'opposition à cet espace", "recorded the objection to this space", "enregistrer l'opposition à cet espace", "record the objection to this space"},
	"close":              {General, "a fermé cet espace", "closed this space", "fermer cet espace", "close this space"},
	"reopen":             {General, "a rouvert cet espace", "opened this space again", "rouvrir cet espace", "open this space again"},
	"ask-erasure":        {General, "a demandé l'effacement de cet espace", "asked for this space to be erased", "demander l'effacement de cet espace", "ask for this space to be erased"},
	"keep":               {General, "a renoncé à l'effacement de cet espace", "took back that this space is to be erased", "renoncer à l'effacement de cet espace", "take back that this space is to be erased"},
	"archive":            {General, "a archivé cet espace", "archived this space", "archiver cet espace", "archive this space"},
	"erase":              {General, "a effacé cet espace", "erased this space", "effacer cet espace", "erase this space"},
	"live-space":         {General, "a changé l'état de cet espace", "changed the state of this space", "changer l'état de cet espace", "change the state of this space"},
	"give-proof":         {General, "a donné la preuve d'une opposition ou d'une fermeture", "gave the proof of an objection or a closing", "donner la preuve d'une opposition ou d'une fermeture", "give the proof of an objection or a closing"},

	// Those who act for its holder.
	"delegate":           {General, "a changé les aidants et représentants", "changed the carers and representatives", "changer les aidants et représentants", "change the carers and representatives"},
	"invite":             {General, "a invité un aidant ou un second représentant", "invited a carer or a second representative", "inviter un aidant ou un second représentant", "invite a carer or a second representative"},
	"accept-invitation":  {General, "a accepté d'aider ou de représenter", "agreed to help or represent", "accepter d'aider ou de représenter", "agree to help or represent"},
	"decline-invitation": {General, "a refusé d'aider ou de représenter", "declined to help or represent", "refuser d'aider ou de représenter", "decline to help or represent"},
	"represent":          {General, "a certifié représenter le titulaire", "certified that they represent the holder", "représenter le titulaire", "represent the holder"},
	"end-person":         {General, "a mis fin aux droits d'un aidant ou d'un représentant", "ended the rights of a carer or a representative", "mettre fin aux droits d'un aidant ou d'un représentant", "end the rights of a carer or a representative"},
	"lapse-person":       {General, "a constaté la fin des droits d'un aidant ou d'un représentant", "saw the rights of a carer or a representative come to their end", "constater la fin des droits d'un aidant ou d'un représentant", "see the rights of a carer or a representative come to their end"},

	// How people come in, and are reached.
	"login":           {General, "a ouvert une session", "logged in", "ouvrir une session", "log in"},
	"add-password":    {General, "a donné un mot de passe d'application", "gave an application password", "donner un mot de passe d'application", "give an application password"},
	"revoke-password": {General, "a révoqué un mot de passe d'application", "revoked an application password", "révoquer un mot de passe d'application", "revoke an application password"},
	"send-code":       {General, "a fait envoyer un code", "had a code sent", "faire envoyer un code", "have a code sent"},
	"use-code":        {General, "a saisi un code provisoire", "entered a provisional code", "saisir un code provisoire", "enter a provisional code"},
	"change-password": {General, "a changé de mot de passe", "changed the password", "changer de mot de passe", "change the password"},
	"add-factor":      {General, "a ajouté un second facteur de connexion", "added a second factor", "ajouter un second facteur de connexion", "add a second factor"},
	"remove-factor":   {General, "a retiré un second facteur de connexion", "removed a second factor", "retirer un second facteur de connexion", "remove a second factor"},
	"trust-device":    {General, "a choisi de faire confiance à un appareil", "chose to trust a device", "faire confiance à un appareil", "trust a device"},
	"end-session":     {General, "a fermé une session ou oublié un appareil", "ended a session or forgot a device", "fermer une session ou oublier un appareil", "end a session or forget a device"},
	"prove":           {General, "a confirmé son identité", "proved once more who they are", "confirmer son identité", "prove once more who they are"},
	"set-contact":     {General, "a changé d'adresse ou de téléphone", "changed the mail address or the phone", "changer d'adresse ou de téléphone", "change the mail address or the phone"},
	"set-phrase":      {General, "a choisi sa phrase de reconnaissance", "chose the phrase that tells our messages", "choisir sa phrase de reconnaissance", "choose the phrase that tells our messages"},
	"send-notice":     {General, "a prévenu la personne par courriel ou SMS", "told the person by e-mail or text message", "prévenir la personne par courriel ou SMS", "tell the person by e-mail or text message"},

	// Programs.
	"authorize":         {ServiceTiers, "a autorisé un logiciel à agir en son nom", "let a program act in their name", "autoriser un logiciel à agir en son nom", "let a program act in their name"},
	"end-authorization": {ServiceTiers, "a mis fin à l'autorisation d'un logiciel", "ended the authorization of a program", "mettre fin à l'autorisation d'un logiciel", "end the authorization of a program"},
	"reuse-token":       {ServiceTiers, "s'est servi deux fois d'un même jeton", "used one token twice", "se servir deux fois d'un même jeton, et l'autorisation du logiciel a pris fin", "use one token twice, and the authorization of the program ended"},
	"add-client":        {General, "a enregistré un logiciel", "registered a program", "enregistrer un logiciel", "register a program"},
	"remove-client":     {General, "a retiré un logiciel", "removed a program", "retirer un logiciel", "remove a program"},

	// Keys.
	ActRotateHubKey: {General, "a changé la clé du service", "changed the key of the hub", "changer la clé du service", "change the key of the hub"},
	ActRotateKey:    {General, "a changé la clé de cet espace", "changed the key of this space", "changer la clé de cet espace", "change the key of this space"},
	ActAdoptRights:  {General, "a signé les droits de données anciennes", "signed the rights of older data", "signer les droits de données anciennes", "sign the rights of older data"},
}
