"""Seeds of the target xmp_change, for make_seeds.py."""


def xmp_changes() -> dict[str, bytes]:
    """The first byte says how many regions come, the second how many marked ones go."""
    space = "http://www.metadataworkinggroup.com/schemas/regions/"

    def packet(inside: str) -> bytes:
        return (f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
                f'{inside}</rdf:RDF></x:xmpmeta>').encode()

    def described(inside: str) -> bytes:
        return packet(f'<rdf:Description rdf:about="" xmlns:m="{space}" xmlns:mien="urn:mien:regions:1.0/">{inside}'
                      "</rdf:Description>")

    mark = ('<m:Extensions mien:person="00112233445566778899aabbccddeeff" mien:name="Ben"/>')
    region = f'<rdf:li><rdf:Description m:Name="Ben" m:Type="Face">{mark}</rdf:Description></rdf:li>'
    other = '<rdf:li rdf:parseType="Resource"><m:Name>Rex</m:Name><m:Type>Pet</m:Type></rdf:li>'
    regions = '<m:Regions rdf:parseType="Resource"><m:RegionList>{}</m:RegionList></m:Regions>'
    return {"empty.xmp": b"\1\0", "no_description.xmp": b"\1\0" + packet(""),
            "closed.xmp": b"\2\0" + packet('<rdf:Description rdf:about="" xmlns:o="http://o/" o:a="1"/>'),
            "list.xmp": b"\1\1" + described(regions.format(f"<rdf:Bag>{other}{region}</rdf:Bag>")),
            "sequence.xmp": b"\0\2" + described(regions.format(f"<rdf:Seq>{region}{region}</rdf:Seq>")),
            "typed.xmp": b"\0\1" + packet(
                f'<o:Thing xmlns:o="http://o/" xmlns:m="{space}" xmlns:mien="urn:mien:regions:1.0/">'
                + regions.format(f"<rdf:Bag>{region}</rdf:Bag>") + "</o:Thing>"),
            "no_list.xmp": b"\1\0" + described('<m:Regions rdf:parseType="Resource"/>')}
