module anabranch.dev/anabranch/ops/bench/kinds

go 1.26.0

replace anabranch.dev/anabranch => ../../..

require (
	anabranch.dev/anabranch v0.0.0-00010101000000-000000000000
	github.com/DataDog/sketches-go v1.4.8
	github.com/apache/datasketches-go v0.2.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/twmb/murmur3 v1.1.8 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
