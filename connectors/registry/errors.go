package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// Confluent's error codes: the HTTP status, and two digits.
const (
	codeSubjectNotFound    = 40401
	codeVersionNotFound    = 40402
	codeSchemaNotFound     = 40403
	codeSubjectDeleted     = 40404
	codeSubjectNotDeleted  = 40405
	codeVersionDeleted     = 40406
	codeVersionNotDeleted  = 40407
	codeNoSubjectLevel     = 40408
	codeNoSubjectMode      = 40409
	codeIncompatible       = 409
	codeInvalidSchema      = 42201
	codeInvalidVersion     = 42202
	codeInvalidLevel       = 42203
	codeInvalidMode        = 42204
	codeOperationForbidden = 42205
	codeStore              = 50001
)

// Error is what a registry answered instead of a result.
type Error struct {
	Status  int    `json:"-"`          // HTTP status
	Code    int    `json:"error_code"` // the registry's own code, 0 if the answer had none
	Message string `json:"message"`
}

func (e *Error) Error() string {
	if e.Code == 0 {
		return fmt.Sprintf("HTTP %d: %s", e.Status, e.Message)
	}
	return fmt.Sprintf("%s (HTTP %d, code %d)", e.Message, e.Status, e.Code)
}

func failure(status, code int, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// ErrNotFound is in the error when a registry says that the id, subject or
// version definitely does not exist.
var ErrNotFound = errors.New("not found")

// ErrIncompatible is in the error when a registry refuses a schema because it
// breaks the subject's compatibility level.
var ErrIncompatible = errors.New("incompatible schema")

// ErrInvalidSchema is in the error when a registry says that a text is no schema.
var ErrInvalidSchema = errors.New("invalid schema")

// Is makes errors.Is find the sentinels. A 404 without a registry's code, as a
// proxy or a wrong path gives, is not ErrNotFound.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Code >= codeSubjectNotFound && e.Code <= codeNoSubjectMode
	case ErrIncompatible:
		return e.Status == http.StatusConflict
	case ErrInvalidSchema:
		return e.Code == codeInvalidSchema
	}
	return false
}

// IsRetriable reports whether the same call may succeed later without anyone
// changing anything: the registry is away, overloaded or starting, or something
// else answers in its place.
func IsRetriable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	if e, ok := errors.AsType[*Error](err); ok {
		switch {
		case e.Status >= 500, e.Status == http.StatusTooManyRequests, e.Status == http.StatusRequestTimeout:
			return true
		}
		return e.Status == http.StatusNotFound && e.Code == 0
	}
	_, isNet := errors.AsType[net.Error](err)
	return isNet || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
