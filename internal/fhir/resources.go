package fhir

// The resources, with the elements that this hub writes or reads. New…
// functions set what never changes.

// A Bundle is several resources: what was found, or what is to be done.
type Bundle struct {
	Kind      `json:"resourceType"`
	ID        string        `json:"id,omitempty"`
	Meta      *Meta         `json:"meta,omitempty"`
	Type      string        `json:"type"`
	Timestamp string        `json:"timestamp,omitempty"`
	Total     *int          `json:"total,omitempty"`
	Link      []BundleLink  `json:"link,omitempty"`
	Entry     []BundleEntry `json:"entry,omitempty"`
}

// A BundleLink leads to a page.
type BundleLink struct {
	Relation string `json:"relation"`
	URL      string `json:"url"`
}

// A BundleEntry is one resource of a Bundle that is written. Reading uses Raw.
type BundleEntry struct {
	FullURL  string          `json:"fullUrl,omitempty"`
	Resource any             `json:"resource,omitempty"`
	Search   *BundleSearch   `json:"search,omitempty"`
	Request  *BundleRequest  `json:"request,omitempty"`
	Response *BundleResponse `json:"response,omitempty"`
}

// A BundleSearch says why an entry was found.
type BundleSearch struct {
	Mode string `json:"mode"`
}

// A BundleRequest is what is to be done with an entry.
type BundleRequest struct {
	Method  string `json:"method"`
	URL     string `json:"url"`
	IfMatch string `json:"ifMatch,omitempty"`
}

// A BundleResponse is what became of an entry.
type BundleResponse struct {
	Status       string `json:"status"`
	Location     string `json:"location,omitempty"`
	Etag         string `json:"etag,omitempty"`
	LastModified string `json:"lastModified,omitempty"`
	Outcome      any    `json:"outcome,omitempty"`
}

// A DocumentReference says what there is to say of a document.
type DocumentReference struct {
	Kind             `json:"resourceType"`
	ID               string            `json:"id,omitempty"`
	Meta             *Meta             `json:"meta,omitempty"`
	Contained        []any             `json:"contained,omitempty"`
	Extension        []Extension       `json:"extension,omitempty"`
	MasterIdentifier *Identifier       `json:"masterIdentifier,omitempty"`
	Identifier       []Identifier      `json:"identifier,omitempty"`
	Status           string            `json:"status"`
	Type             *CodeableConcept  `json:"type,omitempty"`
	Category         []CodeableConcept `json:"category,omitempty"`
	Subject          *Reference        `json:"subject,omitempty"`
	Date             string            `json:"date,omitempty"`
	Author           []Reference       `json:"author,omitempty"`
	Authenticator    *Reference        `json:"authenticator,omitempty"`
	Custodian        *Reference        `json:"custodian,omitempty"`
	RelatesTo        []RelatesTo       `json:"relatesTo,omitempty"`
	Description      string            `json:"description,omitempty"`
	SecurityLabel    []CodeableConcept `json:"securityLabel,omitempty"`
	Content          []Content         `json:"content"`
	Context          *Context          `json:"context,omitempty"`
}

// A RelatesTo is a relation to another document.
type RelatesTo struct {
	Code   string    `json:"code"`
	Target Reference `json:"target"`
}

// A Content is the document itself.
type Content struct {
	Attachment Attachment `json:"attachment"`
	Format     *Coding    `json:"format,omitempty"`
}

// A Context is what the document came out of.
type Context struct {
	Event             []CodeableConcept `json:"event,omitempty"`
	Period            *Period           `json:"period,omitempty"`
	FacilityType      *CodeableConcept  `json:"facilityType,omitempty"`
	PracticeSetting   *CodeableConcept  `json:"practiceSetting,omitempty"`
	SourcePatientInfo *Reference        `json:"sourcePatientInfo,omitempty"`
	Related           []Reference       `json:"related,omitempty"`
}

// A List is a submission set or a folder.
type List struct {
	Kind       `json:"resourceType"`
	ID         string           `json:"id,omitempty"`
	Meta       *Meta            `json:"meta,omitempty"`
	Contained  []any            `json:"contained,omitempty"`
	Extension  []Extension      `json:"extension,omitempty"`
	Identifier []Identifier     `json:"identifier,omitempty"`
	Status     string           `json:"status"`
	Mode       string           `json:"mode"`
	Title      string           `json:"title,omitempty"`
	Code       *CodeableConcept `json:"code,omitempty"`
	Subject    *Reference       `json:"subject,omitempty"`
	Date       string           `json:"date,omitempty"`
	Source     *Reference       `json:"source,omitempty"`
	Note       []Annotation     `json:"note,omitempty"`
	Entry      []ListEntry      `json:"entry,omitempty"`
}

// An Annotation is a remark.
type Annotation struct {
	Text string `json:"text"`
}

// A ListEntry is one item of a List.
type ListEntry struct {
	Item Reference `json:"item"`
}

// A Binary is bytes.
type Binary struct {
	Kind            `json:"resourceType"`
	ID              string     `json:"id,omitempty"`
	Meta            *Meta      `json:"meta,omitempty"`
	ContentType     string     `json:"contentType"`
	SecurityContext *Reference `json:"securityContext,omitempty"`
	Data            []byte     `json:"data,omitempty"`
}

// A Patient is a person and their record.
type Patient struct {
	Kind       `json:"resourceType"`
	ID         string       `json:"id,omitempty"`
	Meta       *Meta        `json:"meta,omitempty"`
	Extension  []Extension  `json:"extension,omitempty"`
	Identifier []Identifier `json:"identifier,omitempty"`
	Active     *bool        `json:"active,omitempty"`
	Name       []HumanName  `json:"name,omitempty"`
	Gender     string       `json:"gender,omitempty"`
	BirthDate  string       `json:"birthDate,omitempty"`
}

// A Practitioner is a professional.
type Practitioner struct {
	Kind          `json:"resourceType"`
	ID            string          `json:"id,omitempty"`
	Identifier    []Identifier    `json:"identifier,omitempty"`
	Name          []HumanName     `json:"name,omitempty"`
	Qualification []Qualification `json:"qualification,omitempty"`
}

// A Qualification is what a professional is.
type Qualification struct {
	Code CodeableConcept `json:"code"`
}

// A PractitionerRole is a professional where they work.
type PractitionerRole struct {
	Kind         `json:"resourceType"`
	ID           string            `json:"id,omitempty"`
	Identifier   []Identifier      `json:"identifier,omitempty"`
	Practitioner *Reference        `json:"practitioner,omitempty"`
	Organization *Reference        `json:"organization,omitempty"`
	Code         []CodeableConcept `json:"code,omitempty"`
	Specialty    []CodeableConcept `json:"specialty,omitempty"`
}

// An Organization is an establishment, or a service.
type Organization struct {
	Kind       `json:"resourceType"`
	ID         string       `json:"id,omitempty"`
	Identifier []Identifier `json:"identifier,omitempty"`
	Name       string       `json:"name,omitempty"`
}

// An OperationOutcome says what went wrong.
type OperationOutcome struct {
	Kind  `json:"resourceType"`
	Issue []OutcomeIssue `json:"issue"`
}

// An OutcomeIssue is one thing that went wrong.
type OutcomeIssue struct {
	Severity    string           `json:"severity"`
	Code        string           `json:"code"`
	Details     *CodeableConcept `json:"details,omitempty"`
	Diagnostics string           `json:"diagnostics,omitempty"`
	Expression  []string         `json:"expression,omitempty"`
}

// Parameters are what an operation is given, or answers.
type Parameters struct {
	Kind      `json:"resourceType"`
	Parameter []Parameter `json:"parameter,omitempty"`
}

// A Parameter is one of them; it has parts, or one value.
type Parameter struct {
	Name            string           `json:"name"`
	Boolean         *bool            `json:"valueBoolean,omitempty"`
	Integer         int              `json:"valueInteger,omitempty"`
	Code            string           `json:"valueCode,omitempty"`
	String          string           `json:"valueString,omitempty"`
	URI             string           `json:"valueUri,omitempty"`
	DateTime        string           `json:"valueDateTime,omitempty"`
	Coding          *Coding          `json:"valueCoding,omitempty"`
	CodeableConcept *CodeableConcept `json:"valueCodeableConcept,omitempty"`
	Reference       *Reference       `json:"valueReference,omitempty"`
	Resource        any              `json:"resource,omitempty"`
	Part            []Parameter      `json:"part,omitempty"`
}

// An AuditEvent is one line of a trail.
type AuditEvent struct {
	Kind           `json:"resourceType"`
	ID             string            `json:"id,omitempty"`
	Type           Coding            `json:"type"`
	Subtype        []Coding          `json:"subtype,omitempty"`
	Action         string            `json:"action,omitempty"`
	Recorded       string            `json:"recorded"`
	Outcome        string            `json:"outcome,omitempty"`
	OutcomeDesc    string            `json:"outcomeDesc,omitempty"`
	PurposeOfEvent []CodeableConcept `json:"purposeOfEvent,omitempty"`
	Agent          []AuditAgent      `json:"agent"`
	Source         AuditSource       `json:"source"`
	Entity         []AuditEntity     `json:"entity,omitempty"`
}

// An AuditAgent is who took part in what was done.
type AuditAgent struct {
	Type         *CodeableConcept  `json:"type,omitempty"`
	Role         []CodeableConcept `json:"role,omitempty"`
	Who          *Reference        `json:"who,omitempty"`
	Name         string            `json:"name,omitempty"`
	Requestor    bool              `json:"requestor"`
	Policy       []string          `json:"policy,omitempty"`
	PurposeOfUse []CodeableConcept `json:"purposeOfUse,omitempty"`
}

// An AuditSource is what wrote it down.
type AuditSource struct {
	Observer Reference `json:"observer"`
}

// An AuditEntity is what it was done to.
type AuditEntity struct {
	What        *Reference `json:"what,omitempty"`
	Type        *Coding    `json:"type,omitempty"`
	Role        *Coding    `json:"role,omitempty"`
	Name        string     `json:"name,omitempty"`
	Description string     `json:"description,omitempty"`
}

// A Consent is one thing that the patient allows or refuses.
type Consent struct {
	Kind       `json:"resourceType"`
	ID         string            `json:"id,omitempty"`
	Meta       *Meta             `json:"meta,omitempty"`
	Status     string            `json:"status"`
	Scope      CodeableConcept   `json:"scope"`
	Category   []CodeableConcept `json:"category"`
	Patient    *Reference        `json:"patient,omitempty"`
	DateTime   string            `json:"dateTime,omitempty"`
	PolicyRule *CodeableConcept  `json:"policyRule,omitempty"`
	Provision  *Provision        `json:"provision,omitempty"`
}

// A Provision is what is allowed or refused, to whom and until when.
type Provision struct {
	Type      string            `json:"type,omitempty"`
	Period    *Period           `json:"period,omitempty"`
	Actor     []ProvisionActor  `json:"actor,omitempty"`
	Purpose   []Coding          `json:"purpose,omitempty"`
	Code      []CodeableConcept `json:"code,omitempty"`
	Provision []Provision       `json:"provision,omitempty"`
}

// A ProvisionActor is who it is about.
type ProvisionActor struct {
	Role      CodeableConcept `json:"role"`
	Reference Reference       `json:"reference"`
}
