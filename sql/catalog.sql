--
-- What the extension consists of
--

SELECT extversion, extrelocatable, nspname
FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = extnamespace
WHERE extname = 'advisory_lock';
SELECT version, superuser, trusted, relocatable, schema, requires
FROM pg_available_extension_versions WHERE name = 'advisory_lock' AND installed;

-- Functions: who locks or releases is volatile, parallel unsafe and called on
-- null, to complain about it; none runs with the rights of its owner.
\pset format unaligned
SELECT provolatile, proparallel, proisstrict, prosecdef, proname,
       pg_get_function_arguments(oid) AS arguments, pg_get_function_result(oid) AS result
FROM pg_proc WHERE pronamespace = 'advisory_lock'::regnamespace
ORDER BY proname COLLATE "C", pg_get_function_arguments(oid) COLLATE "C";
\pset format aligned

-- Every object has a comment.
SELECT pg_describe_object(classid, objid, objsubid) AS without_comment
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
    AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'advisory_lock')
    AND obj_description(objid, classid::regclass::name) IS NULL
    AND classid NOT IN ('pg_type'::regclass, 'pg_namespace'::regclass);

-- Every object is in its schema, so that none can be in the way of a user's.
SELECT pg_describe_object(classid, objid, objsubid) AS elsewhere
FROM pg_depend, pg_identify_object(classid, objid, objsubid) AS i
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
    AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'advisory_lock')
    AND i.schema IS DISTINCT FROM 'advisory_lock' AND i.identity <> 'advisory_lock';

-- What pg_dump is to keep.
SELECT unnest(extconfig)::regclass AS dumped FROM pg_extension WHERE extname = 'advisory_lock'
ORDER BY 1;

-- All of it belongs to the bootstrap superuser, who is nobody's to become; the
-- extension itself belongs to whoever created it.
CREATE TEMP VIEW members AS
SELECT d.classid, d.objid
FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'advisory_lock';
SELECT 'schema' AS kind, nspowner AS owner FROM pg_namespace
WHERE oid IN (SELECT objid FROM members WHERE classid = 'pg_namespace'::regclass)
UNION
SELECT 'relation', relowner FROM pg_class
WHERE oid IN (SELECT objid FROM members WHERE classid = 'pg_class'::regclass)
UNION
SELECT 'function', proowner FROM pg_proc
WHERE oid IN (SELECT objid FROM members WHERE classid = 'pg_proc'::regclass)
ORDER BY 1;

-- Everything in the schema is a member: what a relation brings along is by way
-- of the relation.
SELECT oid::regclass AS not_a_member FROM pg_class
WHERE relnamespace = 'advisory_lock'::regnamespace AND relkind NOT IN ('i', 't')
    AND oid NOT IN (SELECT objid FROM members)
UNION ALL
SELECT oid FROM pg_proc
WHERE pronamespace = 'advisory_lock'::regnamespace AND oid NOT IN (SELECT objid FROM members);

-- Rights beside the owner's: everybody's, and the database owner's, who can
-- dump, restore and purge.  Nobody may pass them on, and no role is named.
SELECT name, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS role,
    string_agg(privilege_type, ', ' ORDER BY privilege_type) AS privileges, bool_or(is_grantable) AS grantable
FROM (SELECT 'schema' AS name, nspacl AS acl, nspowner AS owner FROM pg_namespace WHERE nspname = 'advisory_lock'
    UNION ALL
    SELECT relname, relacl, relowner FROM pg_class WHERE relnamespace = 'advisory_lock'::regnamespace
    UNION ALL
    SELECT proname, proacl, proowner FROM pg_proc WHERE pronamespace = 'advisory_lock'::regnamespace) AS o,
    aclexplode(acl) AS a
WHERE a.grantee <> owner
GROUP BY 1, 2 ORDER BY 1, 2;

-- The views read with the rights of who reads them.
SELECT relname, reloptions FROM pg_class
WHERE relnamespace = 'advisory_lock'::regnamespace AND relkind = 'v' ORDER BY 1;

-- A name is its bytes, whatever the locale.
SELECT attname, attcollation::regcollation FROM pg_attribute
WHERE attrelid = 'advisory_lock.fences'::regclass AND attname = 'name';
