package state

// maxWanted bounds the keys that wait to be taken into memory.
const maxWanted = 256

// want notes that a reader had to fetch a row from disk. Readers call it; what
// does not fit is forgotten, and noted again by the next read.
func (s *Shard) want(key []byte) {
	select {
	case s.wanted <- string(key):
	default:
	}
}

// Warm takes the rows that readers had to fetch from disk into memory, so that
// a key that is only read is not decoded again and again.
func (s *Shard) Warm() error {
	for range maxWanted {
		select {
		case key := <-s.wanted:
			s.mu.Lock()
			err := s.failed
			if err == nil {
				_, err = s.load([]byte(key))
			}
			s.mu.Unlock()
			if err != nil {
				return err
			}
			continue
		default:
		}
		break
	}
	s.evict()
	return nil
}
