package enrich

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/oschwald/geoip2-golang"
	"github.com/oschwald/maxminddb-golang/v2"
)

// Place is where an address is, as far as it is known: the names of docs/schema.md.
type Place struct {
	Country string // ISO 3166-1 alpha-2, upper case
	City    string // English name
	Lat     float64
	Lon     float64
	ASN     uint32
	ASOrg   string
}

// fill adds what p does not know from q.
func (p *Place) fill(q Place) {
	if p.Country == "" {
		p.Country = q.Country
	}
	if p.City == "" {
		p.City = q.City
	}
	if p.Lat == 0 && p.Lon == 0 {
		p.Lat, p.Lon = q.Lat, q.Lon
	}
	if p.ASN == 0 {
		p.ASN = q.ASN
	}
	if p.ASOrg == "" {
		p.ASOrg = q.ASOrg
	}
}

// database is one file, whatever its layout.
type database interface {
	place(addr netip.Addr) (Place, error)
}

// openDatabase reads a database into memory. It is not mapped, so that a file that is overwritten in place cannot
// take the process down with it. Every network of the tree is visited once, so that a damaged file is refused here.
func openDatabase(path string) (database, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("open geography database: %w", err)
	}
	flat, err := maxminddb.OpenBytes(b)
	if err != nil {
		return nil, fmt.Errorf("open geography database %s: not a database in MaxMind's format, or damaged: %w", path, err)
	}
	db, err := layout(b, flat)
	if err == nil {
		err = check(flat, db)
	}
	if err != nil {
		return nil, fmt.Errorf("open geography database %s (type %q): %w", path, flat.Metadata.DatabaseType, err)
	}
	return db, nil
}

// layout chooses the reader: geoip2-golang for the types that it knows by name, else the flat one.
func layout(b []byte, flat *maxminddb.Reader) (database, error) {
	r, err := geoip2.FromBytes(b)
	var unknown geoip2.UnknownDatabaseTypeError
	switch {
	case errors.As(err, &unknown):
		return flatDatabase{flat}, nil
	case err != nil:
		return nil, err
	}
	db := maxmindDatabase{r: r}
	for _, try := range []struct {
		has  *bool
		read func(net.IP) error
	}{
		{&db.city, func(ip net.IP) error { _, err := r.City(ip); return err }},
		{&db.asn, func(ip net.IP) error { _, err := r.ASN(ip); return err }},
		{&db.isp, func(ip net.IP) error { _, err := r.ISP(ip); return err }},
		{&db.enterprise, func(ip net.IP) error { _, err := r.Enterprise(ip); return err }},
	} {
		err := try.read(net.IPv4(192, 0, 2, 1))
		var wrong geoip2.InvalidMethodError
		*try.has = !errors.As(err, &wrong)
	}
	if !db.city && !db.asn && !db.isp {
		return nil, errors.New("it has neither country, city nor network")
	}
	return db, nil
}

// maxSamples bounds how many records of a database are decoded when it is opened.
const maxSamples = 20_000

// check walks the whole tree and decodes records all over it. A database without any field that is known is refused.
func check(r *maxminddb.Reader, db database) error {
	stride := max(1, int(r.Metadata.NodeCount)/maxSamples)
	n, known := 0, false
	for res := range r.Networks() {
		if err := res.Err(); err != nil {
			return fmt.Errorf("it is damaged: %w", err)
		}
		n++
		if n%stride != 0 {
			continue
		}
		p, err := db.place(res.Prefix().Addr())
		if err != nil {
			return fmt.Errorf("it is damaged: %w", err)
		}
		known = known || p != Place{}
	}
	if !known {
		return errors.New("it has none of country, city and network in a layout that is known")
	}
	return nil
}

// maxmindDatabase is a database in MaxMind's own layout: GeoLite2, GeoIP2, DB-IP's.
type maxmindDatabase struct {
	r                          *geoip2.Reader
	city, asn, isp, enterprise bool
}

func (d maxmindDatabase) place(addr netip.Addr) (p Place, err error) {
	ip := net.IP(addr.AsSlice())
	if d.city {
		rec, err := d.r.City(ip)
		if err != nil {
			return p, err
		}
		p.Country, p.City = strings.ToUpper(rec.Country.IsoCode), rec.City.Names["en"]
		p.Lat, p.Lon = rec.Location.Latitude, rec.Location.Longitude
	}
	switch {
	case d.isp:
		rec, err := d.r.ISP(ip)
		if err != nil {
			return p, err
		}
		p.ASN, p.ASOrg = uint32(rec.AutonomousSystemNumber), rec.AutonomousSystemOrganization
	case d.asn:
		rec, err := d.r.ASN(ip)
		if err != nil {
			return p, err
		}
		p.ASN, p.ASOrg = uint32(rec.AutonomousSystemNumber), rec.AutonomousSystemOrganization
	case d.enterprise:
		rec, err := d.r.Enterprise(ip)
		if err != nil {
			return p, err
		}
		p.ASN, p.ASOrg = uint32(rec.Traits.AutonomousSystemNumber), rec.Traits.AutonomousSystemOrganization
	}
	return p, nil
}

// flatDatabase is a database of the ip-location-db kind: one level of fields (https://github.com/sapics/ip-location-db).
type flatDatabase struct {
	r *maxminddb.Reader
}

type flatRecord struct {
	Country string  `maxminddb:"country_code"`
	City    string  `maxminddb:"city"`
	Lat     float64 `maxminddb:"latitude"`
	Lon     float64 `maxminddb:"longitude"`
	ASN     uint32  `maxminddb:"autonomous_system_number"`
	ASOrg   string  `maxminddb:"autonomous_system_organization"`
}

func (d flatDatabase) place(addr netip.Addr) (Place, error) {
	var rec flatRecord
	if err := d.r.Lookup(addr).Decode(&rec); err != nil {
		return Place{}, err
	}
	return Place{
		Country: strings.ToUpper(rec.Country), City: rec.City, Lat: rec.Lat, Lon: rec.Lon, ASN: rec.ASN, ASOrg: rec.ASOrg,
	}, nil
}
