package serve

import (
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

func TestArrowAnswerSaysWhatJSONSays(t *testing.T) {
	w := newWorld(t, nil)
	w.order(eu, 7, noon-stamp.Minute, 2.5, "tea")
	w.order(eu, 7, noon+stamp.Minute, 4, "ink")
	w.close(eu, noon)
	w.close(us, noon)
	g := w.do("POST", "/v1/features", `{"service": "checkout", "entities": [{"user_id": 7}, {"user_id": 8}, {"user_id": null}]}`, "Accept", "application/vnd.apache.arrow.stream")
	if g.status != 200 || g.header.Get("Content-Type") != arrowType {
		t.Fatal(g.status, g.header)
	}
	r, err := ipc.NewReader(strings.NewReader(g.text))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if !r.Next() {
		t.Fatal("no batch", r.Err())
	}
	rec := r.Record()
	if rec.NumRows() != 3 || rec.ColumnName(0) != "spending:orders_1h" || rec.ColumnName(8) != "statuses" {
		t.Fatal(rec)
	}
	if got := rec.Column(1).(*array.Int64); got.Value(0) != 2 || !got.IsNull(1) || !got.IsNull(2) {
		t.Error(got)
	}
	if got := rec.Column(2).(*array.Float64).Value(0); got != 6.5 {
		t.Error(got)
	}
	if got := rec.Column(5).String(); !strings.HasPrefix(got, `[["ink" "tea"] (null)`) {
		t.Error(got)
	}
	if got := rec.Column(8).(*array.List).ListValues().(*array.String); got.Value(0) != "PRESENT" || got.Value(8) != "NOT_FOUND" || got.Value(16) != "INVALID" {
		t.Error(got)
	}
	at := rec.Column(11).(*array.Timestamp)
	if stamp.Micros(at.Value(0)) != noon+stamp.Minute || stamp.Micros(at.Value(1)) != noon {
		t.Error(at)
	}
	token, _ := rec.Schema().Metadata().GetValue("token")
	if _, err := position.Verify(token, w.live.Secret); err != nil {
		t.Error(err)
	}
	sketch := w.do("POST", "/v1/features", `{"features": ["crowds:items"], "entities": [{"user_id": 7}, {"user_id": 8}]}`, "Accept", "application/vnd.apache.arrow.stream")
	s, err := ipc.NewReader(strings.NewReader(sketch.text))
	if err != nil || !s.Next() {
		t.Fatal(err)
	}
	defer s.Release()
	if got := s.Record().Column(5).String(); s.Record().ColumnName(5) != "errors" || got != `[[0.26] [(null)]]` {
		t.Error(got)
	}
	if versions, _ := rec.Schema().Metadata().GetValue("view_versions"); versions != `{"global":1,"spending":1}` {
		t.Error(versions)
	}
}
