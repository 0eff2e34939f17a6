package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"vaguemestre/internal/store"
)

// A forest is the heads of all trails of a hub as one Merkle tree: its root
// stands for all of them, and a Proof shows that one trail's head is below it
// without showing the others. Its shape is fixed: a trail belongs to one of
// 2^treeDepth buckets, by the hash of its name, and the buckets are the leaves
// of a binary tree. A million trails take 50 MB.
type forest struct {
	buckets [1 << treeDepth][]leaf // sorted by name
	nodes   [2 << treeDepth]digest // 1 is the root, the children of n are 2n and 2n+1
	dirty   map[int]bool           // buckets that were changed since the last root
	trails  int
}

const treeDepth = 12

type digest = [sha256.Size]byte

type leaf struct {
	name [16]byte // hash of the trail's name
	hash digest

	entries, rights uint64 // how far the trail and the rights had come
}

func newForest() *forest {
	f := &forest{dirty: map[int]bool{}}
	for i := range f.buckets {
		f.dirty[i] = true
	}
	f.root()
	return f
}

// Different first bytes keep leaves, buckets and nodes apart.
func hashLeaf(part store.Part, m Mark) digest {
	b := append([]byte{0, byte(len(part))}, part...)
	b = append(binary.BigEndian.AppendUint64(b, m.Count), byte(len(m.Hash)))
	b = binary.BigEndian.AppendUint64(append(b, m.Hash...), m.Rights.Counter)
	return sha256.Sum256(append(b, m.Rights.Sum...))
}

func hashBucket(leaves []digest) digest {
	m := sha256.New()
	m.Write([]byte{1})
	for _, l := range leaves {
		m.Write(l[:])
	}
	return digest(m.Sum(nil))
}

func hashNode(left, right digest) digest {
	return sha256.Sum256(slices.Concat([]byte{2}, left[:], right[:]))
}

func nameOf(part store.Part) (name [16]byte, bucket int) {
	sum := sha256.Sum256([]byte(part))
	return [16]byte(sum[:]), int(binary.BigEndian.Uint16(sum[:]) >> (16 - treeDepth))
}

func byName(l leaf, name [16]byte) int { return bytes.Compare(l.name[:], name[:]) }

// has reports whether the trail's head is that mark.
func (f *forest) has(part store.Part, m Mark) bool {
	name, b := nameOf(part)
	i, ok := slices.BinarySearchFunc(f.buckets[b], name, byName)
	return ok && f.buckets[b][i].hash == hashLeaf(part, m)
}

// set makes the trail's head that mark.
func (f *forest) set(part store.Part, m Mark) {
	name, b := nameOf(part)
	f.dirty[b] = true
	i, ok := slices.BinarySearchFunc(f.buckets[b], name, byName)
	if !ok {
		f.trails++
		f.buckets[b] = slices.Insert(f.buckets[b], i, leaf{name: name})
	}
	l := &f.buckets[b][i]
	l.hash, l.entries, l.rights = hashLeaf(part, m), m.Count, m.Rights.Counter
}

// beyond reports whether the trail, or its rights, had come further than a mark.
func (f *forest) beyond(part store.Part, m Mark) bool {
	name, b := nameOf(part)
	i, ok := slices.BinarySearchFunc(f.buckets[b], name, byName)
	return ok && (m.Count < f.buckets[b][i].entries || m.Rights.Counter < f.buckets[b][i].rights)
}

// root returns the root, after hashing what has changed.
func (f *forest) root() digest {
	level := map[int]bool{}
	for b := range f.dirty {
		f.nodes[1<<treeDepth+b] = hashBucket(f.bucket(b))
		level[(1<<treeDepth+b)/2] = true
	}
	clear(f.dirty)
	for range treeDepth {
		next := make(map[int]bool, len(level)/2+1)
		for n := range level {
			f.nodes[n] = hashNode(f.nodes[2*n], f.nodes[2*n+1])
			next[n/2] = true
		}
		level = next
	}
	return f.nodes[1]
}

func (f *forest) bucket(b int) []digest {
	hashes := make([]digest, len(f.buckets[b]))
	for i, l := range f.buckets[b] {
		hashes[i] = l.hash
	}
	return hashes
}

// A Proof shows that the head of a trail is below a root.
type Proof struct {
	Bucket [][]byte // hashes of the heads beside it, and its own
	Path   [][]byte // hashes of the nodes beside the way to the root, from below
}

// proof returns the proof for a trail, of the tree as root has hashed it.
func (f *forest) proof(part store.Part) (p Proof) {
	_, b := nameOf(part)
	for _, d := range f.bucket(b) {
		p.Bucket = append(p.Bucket, d[:])
	}
	for n := 1<<treeDepth + b; n > 1; n /= 2 {
		p.Path = append(p.Path, bytes.Clone(f.nodes[n^1][:]))
	}
	return p
}

// Shows reports whether the proof shows that a trail had come to a mark when
// the root was signed.
func (p Proof) Shows(root []byte, part store.Part, m Mark) bool {
	if len(p.Path) != treeDepth {
		return false
	}
	own, found := hashLeaf(part, m), false
	leaves := make([]digest, len(p.Bucket))
	for i, b := range p.Bucket {
		if len(b) != sha256.Size {
			return false
		}
		leaves[i] = digest(b)
		found = found || leaves[i] == own
	}
	_, b := nameOf(part)
	at, n := hashBucket(leaves), 1<<treeDepth+b
	for _, beside := range p.Path {
		if len(beside) != sha256.Size {
			return false
		}
		if n%2 == 0 {
			at = hashNode(at, digest(beside))
		} else {
			at = hashNode(digest(beside), at)
		}
		n /= 2
	}
	return found && bytes.Equal(at[:], root)
}
