package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/labstack/echo/v4"

	"github.com/gatewatch/gatewatch/ingest"
)

// Headers of Amazon Data Firehose's HTTP endpoint format
// (docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html).
const (
	firehoseKey        = "X-Amz-Firehose-Access-Key"
	firehoseRequestID  = "X-Amz-Firehose-Request-Id"
	firehoseAttributes = "X-Amz-Firehose-Common-Attributes"
	firehoseSource     = "X-Amz-Firehose-Source-Arn"
)

// firehoseRequest is the body of a delivery.
type firehoseRequest struct {
	RequestID string `json:"requestId"`
	Timestamp int64  `json:"timestamp"` // ms since 1970
	Records   []struct {
		Data []byte `json:"data"`
	} `json:"records"`
}

// firehoseAnswer is what Firehose wants to read; with ErrorMessage, beside a status that is not 200, it delivers again.
type firehoseAnswer struct {
	RequestID    string `json:"requestId"`
	Timestamp    int64  `json:"timestamp"`
	ErrorMessage string `json:"errorMessage,omitempty"`
}

// ingestFirehose answers POST /v1/ingest/firehose. A repeated delivery carries the same request id, and is stored once.
// Lines that do not parse are counted and acknowledged: delivering them again would change nothing.
func (s *Server) ingestFirehose(c echo.Context) error {
	p := s.query(c)
	how := p.reading()
	if err := p.err(); err != nil {
		return err
	}
	answer := firehoseAnswer{RequestID: c.Request().Header.Get(firehoseRequestID), Timestamp: s.now().UnixMilli()}
	if err := s.takeFirehose(c, how, &answer); err != nil {
		p := problemOf(err)
		if p.Status >= http.StatusInternalServerError {
			s.log.Error("request failed", "path", c.Path(), "status", p.Status, "request_id", requestID(c), "error", err)
		}
		answer.ErrorMessage = p.Detail
		return c.JSON(p.Status, answer)
	}
	return c.JSON(http.StatusOK, answer)
}

func (s *Server) takeFirehose(c echo.Context, how reading, answer *firehoseAnswer) error {
	how, err := firehoseReading(c.Request().Header, how)
	if err != nil {
		return err
	}
	r, err := s.body(c)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	var req firehoseRequest
	if err := json.NewDecoder(r).Decode(&req); err != nil {
		return bodyFault(err)
	}
	if answer.RequestID == "" {
		answer.RequestID = req.RequestID
	}
	text, err := firehoseText(&req, s.maxBody())
	if err != nil {
		return err
	}
	b, err := s.read(strings.NewReader(text), how)
	if err != nil {
		return err
	}
	b.Key = answer.RequestID
	_, err = s.write(c, b)
	return err
}

// maxBody is the limit of a decompressed body.
func (s *Server) maxBody() int64 {
	if s.deps.Limits.MaxBytes > 0 {
		return s.deps.Limits.MaxBytes
	}
	return maxPush
}

// firehoseReading takes format, source, service and time_zone out of the common attributes as well, since a delivery
// stream's URL is easier to keep without parameters. The stream names the source otherwise.
func firehoseReading(h http.Header, how reading) (reading, error) {
	var common struct {
		Attributes map[string]string `json:"commonAttributes"`
	}
	if text := h.Get(firehoseAttributes); text != "" {
		if err := json.Unmarshal([]byte(text), &common); err != nil {
			return how, badField(firehoseAttributes, "it is not {\"commonAttributes\":{…}}")
		}
	}
	var faults []error
	a := common.Attributes
	if a["format"] != "" || a["time_zone"] != "" {
		how = how.as(a["format"], a["time_zone"], func(field, detail string) { faults = append(faults, badField(field, detail)) })
	}
	if how.service == "" {
		how.service = a["service"]
	}
	if how.source == "" {
		how.source = a["source"]
	}
	if arn := h.Get(firehoseSource); how.source == "" && arn != "" {
		how.source = "firehose/" + arn[strings.LastIndexByte(arn, '/')+1:]
	}
	if len(how.source) > 512 {
		faults = append(faults, badField("source", "want at most 512 bytes"))
	}
	return how, errors.Join(faults...)
}

// firehoseText joins the records' lines. A record may be compressed, and hold what CloudWatch Logs sends.
func firehoseText(req *firehoseRequest, limit int64) (string, error) {
	var text strings.Builder
	for i, rec := range req.Records {
		data := rec.Data
		if len(data) > 2 && data[0] == 0x1f && data[1] == 0x8b {
			var err error
			if data, err = gunzip(data, limit-int64(text.Len())); err != nil {
				return "", fmt.Errorf("%w: record %d: %w", ingest.ErrRejected, i, err)
			}
		}
		if !appendCloudWatch(&text, data) {
			text.Write(bytes.TrimRight(data, "\r\n"))
			text.WriteByte('\n')
		}
		if int64(text.Len()) > limit {
			return "", fmt.Errorf("%w: more than %d bytes", ingest.ErrTooLarge, limit)
		}
	}
	return text.String(), nil
}

func gunzip(data []byte, limit int64) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(z, limit+1))
	if err != nil {
		return nil, err
	}
	return out, z.Close()
}

// cloudWatch is a batch of a CloudWatch Logs subscription
// (docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html).
type cloudWatch struct {
	MessageType string `json:"messageType"`
	LogEvents   []struct {
		Message string `json:"message"`
	} `json:"logEvents"`
}

// appendCloudWatch adds the messages of such a batch, and reports whether data was one.
func appendCloudWatch(text *strings.Builder, data []byte) bool {
	if !bytes.HasPrefix(data, []byte(`{"messageType"`)) && !bytes.Contains(data[:min(len(data), 512)], []byte(`"logGroup"`)) {
		return false
	}
	var batch cloudWatch
	if json.Unmarshal(data, &batch) != nil || batch.MessageType == "" {
		return false
	}
	if batch.MessageType == "DATA_MESSAGE" {
		for _, e := range batch.LogEvents {
			text.WriteString(strings.TrimRight(e.Message, "\r\n"))
			text.WriteByte('\n')
		}
	}
	return true
}
