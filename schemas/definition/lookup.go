package definition

// Entity finds an entity by name, or returns nil.
func (p *Project) Entity(name string) *Entity {
	return find(p.Entities, name, func(e *Entity) string { return e.Name })
}

// Stream finds a stream by name, or returns nil.
func (p *Project) Stream(name string) *Stream {
	return find(p.Streams, name, func(s *Stream) string { return s.Name })
}

// View finds a feature view by name, or returns nil.
func (p *Project) View(name string) *View {
	return find(p.Views, name, func(v *View) string { return v.Name })
}

// Service finds a feature service by name, or returns nil.
func (p *Project) Service(name string) *Service {
	return find(p.Services, name, func(s *Service) string { return s.Name })
}

// EntityOf is the entity of a view's stream.
func (p *Project) EntityOf(v *View) *Entity { return p.Entity(p.Stream(v.Stream).Entity) }

// HasRegion reports whether name is one of the project's regions.
func (p *Project) HasRegion(name string) bool {
	for _, r := range p.Regions {
		if r == name {
			return true
		}
	}
	return false
}

// MayHold reports whether the view's residency lets region hold it.
func (v *View) MayHold(region string) bool {
	if len(v.Policy.Residency) == 0 {
		return true
	}
	for _, r := range v.Policy.Residency {
		if r == region {
			return true
		}
	}
	return false
}

// Field finds a field of the stream's schema by name and returns its index, or -1.
func (s *Stream) Field(name string) int {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

func find[T any](list []T, name string, of func(*T) string) *T {
	for i := range list {
		if of(&list[i]) == name {
			return &list[i]
		}
	}
	return nil
}
