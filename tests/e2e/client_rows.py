"""The rows of the policy's section clients."""


def text_of(row, issuers):
    """row: (name, API version, uid or "key: value; key: value", RPCs, further lines ...)."""
    name, version, who, rpcs, *more = row
    lines = [f'api_version: "{version}"', *(f"uid: {who}" if isinstance(who, int) else who).split("; "),
             f"rpcs: [{', '.join(rpcs)}]", f"issuers: [{', '.join(i.id for i in issuers)}]", *more]
    return f"  - name: {name}\n" + "".join(f"    {line}\n" for line in lines)
