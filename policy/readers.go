package policy

import "iter"

// Readers yields each profession with what a professional of it would be
// answered who wants to read the document of r and stands before the patient as
// r.Relation and r.Emergency say: "who can see this document, and why". The
// actor of r is not looked at, nor whether they filed it.
func Readers(r Request) iter.Seq2[Profession, Decision] {
	r.Act, r.Actor = ReadDocument, Actor{Role: Professional}
	r.Document.AuthorIsActor, r.Document.AuthorIsEstablishment = false, false
	return func(yield func(Profession, Decision) bool) {
		for _, p := range professions {
			r.Actor.Profession = p.code
			if !yield(p.code, Decide(r)) {
				return
			}
		}
	}
}
