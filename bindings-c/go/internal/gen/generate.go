package main

import (
	"bytes"
	"fmt"
	"go/format"
	"slices"
	"strings"
)

// The width of comments, without what stands before them.
const width = 112

type generator struct {
	out   bytes.Buffer
	root  *schema
	enums ordered
}

func generate(text []byte) ([]byte, error) {
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	g := generator{root: root}
	g.out.WriteString("// Written by internal/gen from core/schema/policy.schema.json: go generate. DO NOT EDIT.\n\n")
	g.out.WriteString("//go:build cgo\n\npackage stanchion\n")
	if err := g.object("Config", root.Description, root); err != nil {
		return nil, err
	}
	for _, def := range root.Defs {
		if err := g.definition(def); err != nil {
			return nil, err
		}
	}
	for _, enum := range g.enums {
		g.enum(enum)
	}
	return format.Source(g.out.Bytes())
}

// definition is a struct. One of several objects is a struct with the fields of all, of which the core knows what goes together.
func (g *generator) definition(def named) error {
	if fields := def.schema.Additional; fields != nil && fields.ref != "" {
		g.out.WriteString("\n")
		g.comment(def.name + ": " + lowerFirst(def.schema.Description))
		fmt.Fprintf(&g.out, "type %s map[string]%s\n", def.name, refName(fields.ref))
		return nil
	}
	if def.schema.OneOf == nil {
		if g.isPart(def.name) {
			return nil
		}
		return g.object(def.name, def.schema.Description, def.schema)
	}
	var all schema
	for _, part := range def.schema.OneOf {
		object, err := g.resolve(part.Ref)
		if err != nil {
			return err
		}
		all.Properties = append(all.Properties, object.Properties...)
	}
	return g.object(def.name, def.schema.Description, &all)
}

// isPart tells whether a definition is only one of several objects.
func (g *generator) isPart(name string) bool {
	for _, def := range g.root.Defs {
		for _, part := range def.schema.OneOf {
			if refName(part.Ref) == name {
				return true
			}
		}
	}
	return false
}

func (g *generator) resolve(ref string) (*schema, error) {
	for _, def := range g.root.Defs {
		if def.name == refName(ref) {
			return def.schema, nil
		}
	}
	return nil, fmt.Errorf("no definition for %q", ref)
}

func (g *generator) object(name, description string, s *schema) error {
	g.out.WriteString("\n")
	g.comment(name + ": " + lowerFirst(description))
	fmt.Fprintf(&g.out, "type %s struct {\n", name)
	for i, property := range s.Properties {
		if i > 0 {
			g.out.WriteString("\n")
		}
		isRequired := slices.Contains(s.Required, property.name)
		goType, err := g.fieldType(property, isRequired)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", name, property.name, err)
		}
		tag := property.name
		if !isRequired {
			tag += ",omitempty"
		}
		comment := fieldComment(property.schema)
		if !strings.HasPrefix(goType, "*OrNull") {
			comment = strings.Replace(comment, "Null", "Nil", 1)
		}
		g.comment(comment)
		fmt.Fprintf(&g.out, "%s %s `json:%q`\n", goName(property.name), goType, tag)
	}
	g.out.WriteString("}\n")
	return nil
}

// fieldType is a value where it is required, else a pointer. Where null means something else than nothing, it can be said.
func (g *generator) fieldType(p named, isRequired bool) (string, error) {
	if p.schema.Items != nil {
		return "[]" + refName(p.schema.Items.Ref), nil
	}
	plain, err := g.plainType(p)
	switch {
	case err != nil || isRequired || g.isMap(p.schema.Ref):
		return plain, err
	case p.schema.isNullable() && !p.schema.defaultsToNull():
		return "*OrNull[" + plain + "]", nil
	default:
		return "*" + plain, nil
	}
}

// isMap tells whether a definition is one of a map, whose nil is nothing.
func (g *generator) isMap(ref string) bool {
	def, err := g.resolve(ref)
	return err == nil && def.Additional != nil && def.Additional.ref != ""
}

func (g *generator) plainType(p named) (string, error) {
	s := p.schema
	if s.OneOf != nil {
		if p.name != "outcome" { // which calls are settled with, too
			g.enums = append(g.enums, p)
		}
		return goName(p.name), nil
	}
	for _, other := range append([]*schema{s}, s.AnyOf...) {
		if other.Ref != "" {
			return refName(other.Ref), nil
		}
	}
	if len(s.Type) == 0 {
		return "", fmt.Errorf("no type")
	}
	switch kind := s.Type[0]; kind {
	case "integer":
		if most, err := s.Maximum.Int64(); err != nil || most > 1<<32-1 {
			return "uint64", err
		}
		return "uint32", nil
	case "number":
		return "float64", nil
	case "string":
		return "string", nil
	case "boolean":
		return "bool", nil
	default:
		return "", fmt.Errorf("unknown type %q", kind)
	}
}

func (g *generator) enum(p named) {
	name := goName(p.name)
	about, _, _ := strings.Cut(p.schema.Description, " Default: ")
	g.out.WriteString("\n")
	g.comment(name + ": " + lowerFirst(about))
	fmt.Fprintf(&g.out, "type %s string\n\nconst (\n", name)
	for i, value := range p.schema.OneOf {
		if i > 0 {
			g.out.WriteString("\n")
		}
		g.comment(name + goName(value.Const) + ": " + lowerFirst(value.Description))
		fmt.Fprintf(&g.out, "%s %s = %q\n", name+goName(value.Const), name, value.Const)
	}
	g.out.WriteString(")\n")
}

// fieldComment is what a field means, and its default where the schema has one.
func fieldComment(s *schema) string {
	switch text := string(s.Default); text {
	case "", "null", "[]":
		return s.Description
	default:
		return s.Description + " Default: " + strings.Trim(text, `"`) + "."
	}
}

// comment writes a comment of lines that are not too long.
func (g *generator) comment(text string) {
	line := "//"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width {
			g.out.WriteString(line + "\n")
			line = "//"
		}
		line += " " + word
	}
	g.out.WriteString(line + "\n")
}

func refName(ref string) string { return ref[strings.LastIndex(ref, "/")+1:] }

// goName is a name of the JSON form in Go: open_ms is OpenMS.
func goName(name string) string {
	var out strings.Builder
	for _, word := range strings.Split(name, "_") {
		if word == "ms" {
			out.WriteString("MS")
		} else {
			out.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return out.String()
}

func lowerFirst(text string) string { return strings.ToLower(text[:1]) + text[1:] }
