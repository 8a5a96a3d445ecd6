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
ORDER BY proname COLLATE "C";
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
