-- The schemes and costs of password hashes that accounts have brought along, such as `bcrypt 12`.
CREATE TABLE hash_schemes (
    label TEXT COLLATE "C" NOT NULL PRIMARY KEY
);
