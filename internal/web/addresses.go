package web

import "slices"

// table is every address of the pages: an area adds its own here.
func table() []route {
	return slices.Concat(
		common,
		helping,
		wayIn,
		proving,
		enrolling,
		keeping,
		caring,
		reading,
		passkeys,
		people,
		exporting,
		settingUp,
		documents,
		writing,
	)
}

// An Address is one that the pages answer at, for whoever walks through them all.
type Address struct {
	Path   string // may hold {names}, as in http.ServeMux
	Signed bool   // only for somebody who has signed in…
	Cares  bool   // …as a professional
	Shows  bool   // answers GET
	Takes  bool   // answers POST
}

// Addresses lists them.
func Addresses() (list []Address) {
	for _, r := range table() {
		list = append(list, Address{r.path, r.signed, r.signed && r.by == professionals, r.get != nil, r.post != nil})
	}
	return list
}
