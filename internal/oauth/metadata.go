package oauth

import (
	"encoding/json"
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

// assertionAlgs are the signatures that a program may prove itself with (SMART
// App Launch 2.2.0, Client authentication: asymmetric).
var assertionAlgs = []jose.SignatureAlgorithm{jose.ES384, jose.RS384}

// authMethods are the ways to prove it. Of a certificate the fingerprint is
// registered, so that no authority needs to be trusted (RFC 8705 §2.2).
var authMethods = []string{"none", "private_key_jwt", "self_signed_tls_client_auth"}

// confidentialMethods are those of programs that can keep a secret.
var confidentialMethods = authMethods[1:]

// document is what the three metadata documents share.
func (s *Server) document() map[string]any {
	base := s.cfg.Base
	return map[string]any{
		"issuer":                 base,
		"authorization_endpoint": base + "/oauth/authorize",
		"token_endpoint":         base + "/oauth/token",
		"introspection_endpoint": base + "/oauth/introspect",
		"revocation_endpoint":    base + "/oauth/revoke",
		"jwks_uri":               base + "/oauth/keys",

		"grant_types_supported":                            []string{"authorization_code", "refresh_token", "client_credentials"},
		"response_types_supported":                         []string{"code"},
		"response_modes_supported":                         []string{"query"},
		"code_challenge_methods_supported":                 []string{"S256"},
		"token_endpoint_auth_methods_supported":            authMethods,
		"token_endpoint_auth_signing_alg_values_supported": assertionAlgs,
		"scopes_supported": []string{"openid", "fhirUser", "offline_access",
			"user/*.cruds", "user/DocumentReference.cruds", "user/Patient.rs", "user/List.rs", "user/Binary.r",
			"system/*.cruds", "system/DocumentReference.cruds", "system/Patient.rs"},
	}
}

// metadata answers with RFC 8414 and OpenID Connect Discovery at once.
func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) error {
	d := s.document()
	d["authorization_response_iss_parameter_supported"] = true // RFC 9207
	d["tls_client_certificate_bound_access_tokens"] = true     // RFC 8705
	for _, endpoint := range []string{"introspection", "revocation"} {
		methods := confidentialMethods
		if endpoint == "revocation" {
			methods = authMethods
		}
		d[endpoint+"_endpoint_auth_methods_supported"] = methods
		d[endpoint+"_endpoint_auth_signing_alg_values_supported"] = assertionAlgs
	}
	d["subject_types_supported"] = []string{"public"}
	d["id_token_signing_alg_values_supported"] = []string{string(jose.ES384)}
	d["claims_supported"] = []string{"iss", "sub", "aud", "exp", "iat", "nonce", "fhirUser", "name"}
	d["request_parameter_supported"] = false
	d["request_uri_parameter_supported"] = false
	writeJSON(w, http.StatusOK, d)
	return nil
}

// SMART returns the SMART configuration, which belongs below the FHIR service
// (SMART App Launch 2.2.0, Conformance).
func (s *Server) SMART() ([]byte, error) { return json.Marshal(s.configuration()) }

func (s *Server) configuration() map[string]any {
	d := s.document()
	// No patient is chosen at launch, and no patient logs in here.
	d["capabilities"] = []string{"launch-standalone", "client-public", "client-confidential-asymmetric", "sso-openid-connect",
		"permission-offline", "permission-user", "permission-v2"}
	return d
}

func (s *Server) smart(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, s.configuration())
	return nil
}
