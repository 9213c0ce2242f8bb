// A net/http service with golang-jwt. Modules: github.com/golang-jwt/jwt/v4; Debian: golang-github-golang-jwt-jwt-dev.
package main

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/big"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v4"
)

const audience = "resource-api"

var (
	issuer = env("ISSUER", "http://127.0.0.1:4000")
	port   = env("PORT", "3000")
	keys   = &keySet{address: issuer + "/.well-known/jwks.json"}

	errNoKeys = errors.New("the keys cannot be fetched")
)

type claims struct {
	jwt.RegisteredClaims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
}

// Valid is called by the library after the signature was checked. The library checks a claim only if it is there, and allows no
// difference between clocks.
func (c claims) Valid() error {
	const leeway = 10 * time.Second
	now := time.Now()
	switch {
	case !c.VerifyIssuer(issuer, true), !c.VerifyAudience(audience, true):
		return errors.New("not for this service")
	case !c.VerifyExpiresAt(now.Add(-leeway), true), !c.VerifyIssuedAt(now.Add(leeway), true), !c.VerifyNotBefore(now.Add(leeway), false):
		return errors.New("expired, or not valid yet")
	case c.Subject == "", c.ClientID == "":
		return errors.New("a claim is missing")
	}
	return nil
}

// verify returns the claims of a valid access token.
func verify(token string) (*claims, error) {
	parsed, err := jwt.ParseWithClaims(token, &claims{}, func(t *jwt.Token) (interface{}, error) {
		// The library does not check the type.
		if t.Header["typ"] != "at+jwt" {
			return nil, errors.New("not an access token")
		}
		kid, _ := t.Header["kid"].(string)
		return keys.find(kid)
	}, jwt.WithValidMethods([]string{"RS256"}))
	if err != nil {
		return nil, err
	}
	return parsed.Claims.(*claims), nil
}

// keySet is a copy of the issuer's keys. It is fetched again after ten minutes, and for an unknown key at most every 30 seconds.
type keySet struct {
	address        string
	mutex          sync.Mutex
	keys           map[string]*rsa.PublicKey
	tried, fetched time.Time
}

func (s *keySet) find(kid string) (*rsa.PublicKey, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	_, known := s.keys[kid]
	pause := 30 * time.Second
	if s.keys == nil {
		pause = time.Second
	}
	if (!known || time.Since(s.fetched) > 10*time.Minute) && time.Since(s.tried) > pause {
		s.tried = time.Now()
		if err := s.fetch(); err != nil {
			log.Print(err) // the old copy goes on
		}
	}
	if s.keys == nil {
		return nil, errNoKeys
	}
	if key, known := s.keys[kid]; known {
		return key, nil
	}
	return nil, errors.New("unknown key")
}

func (s *keySet) fetch() error {
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Get(s.address)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var set struct {
		Keys []struct{ Kid, Kty, N, E string }
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, response.Body, 65536)).Decode(&set); err != nil {
		return err
	}
	found := map[string]*rsa.PublicKey{}
	for _, key := range set.Keys {
		n, errN := base64.RawURLEncoding.DecodeString(key.N)
		e, errE := base64.RawURLEncoding.DecodeString(key.E)
		if key.Kty == "RSA" && errN == nil && errE == nil {
			found[key.Kid] = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		}
	}
	if len(found) == 0 {
		return fmt.Errorf("%s answered %s without a key", s.address, response.Status)
	}
	s.keys, s.fetched = found, time.Now()
	return nil
}

type caller struct{}

// requireScope lets a request through whose token has the scope. Handlers find the claims in the context.
func requireScope(scope string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			refuse(w, http.StatusUnauthorized, "Bearer")
			return
		}
		found, err := verify(token)
		switch {
		case errors.Is(err, errNoKeys):
			// The token may still be valid.
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(http.StatusServiceUnavailable)
		case err != nil:
			refuse(w, http.StatusUnauthorized, `Bearer error="invalid_token"`)
		case !contains(strings.Split(found.Scope, " "), scope):
			refuse(w, http.StatusForbidden, fmt.Sprintf(`Bearer error="insufficient_scope", scope="%s"`, scope))
		default:
			next(w, r.WithContext(context.WithValue(r.Context(), caller{}, found)))
		}
	}
}

func refuse(w http.ResponseWriter, status int, challenge string) {
	w.Header().Set("WWW-Authenticate", challenge)
	w.WriteHeader(status)
}

func contains(words []string, wanted string) bool {
	for _, word := range words {
		if word == wanted {
			return true
		}
	}
	return false
}

func env(name, otherwise string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return otherwise
}

func main() {
	http.HandleFunc("/reports", requireScope("reports:read", func(w http.ResponseWriter, r *http.Request) {
		who := r.Context().Value(caller{}).(*claims)
		json.NewEncoder(w).Encode(map[string]string{"sub": who.Subject})
	}))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}
