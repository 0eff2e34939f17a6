package web

import (
	"context"

	"vaguemestre/internal/hub"
	"vaguemestre/internal/patient"
)

// The pages of one's own space: home.go, security.go, activity.go, access.go
// and closing.go.

const (
	securityPath = "/securite"
	activityPath = "/activite"
	accessPath   = "/acces"
	closingPath  = "/fermer"
)

var keeping = []route{
	{path: securityPath, signed: true, by: anybody, get: (*call).securityPage},
	{path: securityPath + "/session", signed: true, by: anybody, post: (*call).endSession},
	{path: securityPath + "/autres", signed: true, by: anybody, post: (*call).endOthers},
	{path: securityPath + "/phrase", signed: true, post: (*call).setPhrase},
	{path: passwordPath, signed: true, get: (*call).passwordPage, post: (*call).changePassword},
	{path: mailPath, signed: true, get: (*call).newContactPage, post: (*call).beginContact},
	{path: mailPath + "/code", signed: true, post: (*call).confirmContact},
	{path: phonePath, signed: true, get: (*call).newContactPage, post: (*call).beginContact},
	{path: phonePath + "/code", signed: true, post: (*call).confirmContact},
	{path: totpPath, signed: true, get: (*call).totpPage, post: (*call).beginTOTP},
	{path: totpPath + "/code", signed: true, post: (*call).confirmTOTP},
	{path: totpPath + "/fin", signed: true, post: (*call).removeTOTP},
	{path: devicePath, signed: true, by: anybody, get: (*call).devicePage, post: (*call).addDevice},
	{path: devicePath + "/fin", signed: true, by: anybody, post: (*call).revokeDevice},
	{path: activityPath, signed: true, get: (*call).activityPage},
	{path: activityPath + "/csv", signed: true, get: (*call).activityFile},
	{path: accessPath, signed: true, get: (*call).accessPage, post: (*call).changeAccess},
	{path: accessPath + "/choix", signed: true, post: (*call).setChoices},
	{path: closingPath, signed: true, get: (*call).closingPage, post: (*call).closeSpace},
}

// keeper keeps people's accounts.
type keeper interface {
	Space(ctx context.Context, a hub.Actor) (patient.Space, error)
	securityKeeper
}

// record names the record that a page is about: the one in its address, or else
// one's own.
func (c *call) record() string {
	if id := c.r.PathValue("record"); id != "" {
		return id
	}
	return string(c.who.Part)
}
