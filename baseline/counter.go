package baseline

// counter recognises a series that only counts up and turns it into increments; it starts anew at a reset.
type counter struct {
	last     float64
	n        int
	rises    int
	falls    int
	counting bool
}

const (
	counterRun  = 64  // values without a fall, most of them rising, that make a counter
	counterFall = 0.1 // share of falls that ends it: no counter is reset that often
)

// rate returns what is judged of x: x itself, or a counter's increment.
func (c *counter) rate(x float64) float64 {
	step := x - c.last
	c.n++
	switch {
	case c.n == 1:
	case step > 0:
		c.rises++
	case step < 0:
		c.falls++
	}
	c.last = x
	if c.counting {
		if float64(c.falls) > counterFall*float64(c.n) {
			*c = counter{last: x, n: 1}
			return x
		}
		if step < 0 {
			return x // after a reset it counted from zero
		}
		return step
	}
	if c.n >= counterRun && c.falls == 0 && c.rises*4 >= c.n*3 {
		c.counting = true
		return step
	}
	if c.falls > 0 {
		c.n, c.rises, c.falls = 1, 0, 0 // the run of rises starts anew
	}
	return x
}
